//! Components that are imported, and those that are values because they are exported or given away.

use crate::program::{check, program};
use threadline_environ::{Error, Features, Translation};

#[test]
fn an_instance_of_an_imported_component_is_made_by_a_step() {
    check(
        r#"(component
            (import "c" (component $c
                (import "f" (func))
                (import "g" (func))
                (export "i" (instance (export "h" (func))))
                (export "m" (core module))))
            (import "f" (func $f))
            (core module $m (func (export "g")))
            (core instance $m (instantiate $m))
            (func $g (canon lift (core func $m "g")))
            (instance $i (instantiate $c (with "f" (func $f)) (with "g" (func $g))))
            (core func (canon lower (func $i "i" "h")))
            (core instance (instantiate (module $i "m")))
            (export "c" (component $c)))"#,
        "instantiate rinstance0 = module0 `m` in cinstance0 ()
        instantiate linked0 = compimport0 (f: rimport0, g: lift rinstance0.func0 options0)
        lower lowered0 = linked0 / i / h
        instantiate rinstance1 = modimport0 in cinstance0 ()
        export c: Imported(compimport0)",
    );
}

const EXPORTS: &str = r#"(component
    (import "lib" (core module $lib))
    (core module $unused)
    (core module $m (func (export "f")))
    (component $c
        (core instance (instantiate $lib))
        (core instance $i (instantiate $m))
        (core module $own)
        (core instance (instantiate $own))
        (func (export "f") (canon lift (core func $i "f"))))
    (component $d (instance $c (instantiate $c)) (export "f" (func $c "f")))
    (export "c" (component $c))
    (export "again" (component $c))
    (export "d" (component $d)))"#;

#[test]
fn an_exported_component_stands_by_itself_with_the_modules_that_it_uses() {
    let bytes = wat::parse_str(EXPORTS).unwrap();
    let translation = Translation::parse(&bytes, Features::default()).unwrap();
    let lines =
        "export c: Nested(nested0)\nexport again: Nested(nested0)\nexport d: Nested(nested1)";
    assert_eq!(program(&translation), lines);
    let nested: Vec<_> = translation.nested.values().map(program).collect();
    let steps = |instance: &str| {
        format!(
            "instantiate rinstance0 = modimport0 in {instance} ()\n\
             instantiate rinstance1 = module1 `m` in {instance} ()\n\
             instantiate rinstance2 = module0 `own` in {instance} ()\n\
             export f: lift rinstance1.func0 options0"
        )
    };
    assert_eq!(nested, [steps("cinstance0"), steps("cinstance1")]);
    let component = translation.component.unwrap();
    for nested in component.nested.values() {
        assert_eq!(nested.modules.len(), 1);
        assert!(nested.components.is_empty());
    }
}

#[test]
fn modules_are_not_copied_without_limit() {
    use std::fmt::Write;
    let mut wat = r#"(component (core module $m (memory 1) (data ""#.to_owned();
    wat += &"x".repeat(1 << 20);
    wat += "\"))";
    for i in 0..200 {
        write!(
            wat,
            r#"(component $c{i} (core instance (instantiate $m)))
                (export "c{i}" (component $c{i}))"#
        )
        .unwrap();
    }
    wat += ")";
    let bytes = wat::parse_str(wat).unwrap();
    let result = Translation::parse(&bytes, Features::default());
    assert!(matches!(result, Err(Error::TooLarge { .. })));
}

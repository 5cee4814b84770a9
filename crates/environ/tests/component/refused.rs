//! What is not built yet is refused by its name in the specification; what is broken or too
//! large, by saying so.

use crate::program::check_refused;
use threadline_environ::{Error, Features, Translation};

#[test]
fn built_ins_are_refused_by_name() {
    for (name, rest) in [
        ("thread.spawn-ref", "$start"),
        ("thread.spawn-indirect", "$start (core table $table)"),
        ("thread.available-parallelism", ""),
    ] {
        // The text format is behind the specification here.
        let text = name.replace("available-", "available_");
        let wat = format!(
            r#"(component
                (core module $m (table (export "t") 1 funcref))
                (core instance $m (instantiate $m))
                (alias core export $m "t" (core table $table))
                (core type $start (func (param i32)))
                (core func (canon {text} {rest})))"#
        );
        check_refused(&wat, &format!("`canon {name}` is not supported yet"));
    }
}

#[test]
fn canonical_options_are_refused_by_name() {
    check_refused(
        r#"(component (import "f" (func $f)) (core func (canon lower (func $f) gc)))"#,
        "the canonical option `gc` is not supported yet",
    );
}

#[test]
fn what_else_is_not_built_is_refused_by_name() {
    for (wat, expected) in [
        (
            r#"(component (import "v" (value u8)))"#,
            "the import of a `value`",
        ),
        (
            r#"(component (import "f" (func $f)) (start $f))"#,
            "a component's `start`",
        ),
    ] {
        check_refused(wat, &format!("{expected} is not supported yet"));
    }
}

#[test]
fn a_refusal_names_the_byte() {
    let bytes =
        wat::parse_str("(component (core func (canon thread.available_parallelism)))").unwrap();
    let Err(Error::Unsupported { feature, offset }) =
        Translation::parse(&bytes, Features::default())
    else {
        panic!("not refused");
    };
    assert_eq!(feature, "`canon thread.available-parallelism`");
    assert_eq!(bytes[offset as usize], 0x42);
}

#[test]
fn invalid_components_are_refused_with_an_offset() {
    for wat in [
        r#"(component (core module $m (import "" "f" (func))) (core instance (instantiate $m)))"#,
        r#"(component (core func (canon context.get i32 2)))"#,
        r#"(component (core func (canon context.get f32 0)))"#,
        r#"(component (core module $m (func (export "f") (result i32) unreachable))
            (core instance $m (instantiate $m))
            (func (param "x" u8) (canon lift (core func $m "f"))))"#,
    ] {
        let bytes = wat::parse_str(wat).unwrap();
        let result = Translation::parse(&bytes, Features::default());
        assert!(matches!(result, Err(Error::Invalid { .. })), "{wat}");
    }
}

/// Checks that a component passes a limit.
#[track_caller]
fn check_too_large(wat: &str) {
    let bytes = wat::parse_str(wat).unwrap();
    match Translation::parse(&bytes, Features::default()) {
        Err(Error::TooLarge { .. }) => {}
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn exponentially_many_component_instances_are_refused() {
    let mut wat = String::from("(component $root (component $c0)");
    for i in 1..60 {
        let inner = i - 1;
        wat += &format!(
            "(component $c{i}
                (alias outer $root $c{inner} (component $c))
                (instance (instantiate $c)) (instance (instantiate $c)))"
        );
    }
    wat += "(instance (instantiate $c59)))";
    check_too_large(&wat);
}

#[test]
fn exponentially_many_exports_are_refused() {
    let mut wat = String::from(
        r#"(component (core module $m (func (export "f"))) (core instance $m (instantiate $m))
            (func $f (canon lift (core func $m "f")))
            (instance $i0 (export "f" (func $f)))"#,
    );
    for i in 1..18 {
        let inner = i - 1;
        wat += &format!(
            r#"(instance $i{i} (export "a" (instance $i{inner})) (export "b" (instance $i{inner})))"#
        );
    }
    wat += r#"(export "x" (instance $i17)))"#;
    check_too_large(&wat);
}

#[test]
fn a_deep_chain_of_instantiations_is_refused() {
    let mut wat = String::from("(component $root (component $c0)");
    for i in 1..300 {
        let inner = i - 1;
        wat += &format!(
            "(component $c{i}
                (alias outer $root $c{inner} (component $c)) (instance (instantiate $c)))"
        );
    }
    wat += "(instance (instantiate $c299)))";
    check_too_large(&wat);
}

#[test]
fn deeply_nested_components_are_refused() {
    let mut bytes = wat::parse_str("(component)").unwrap();
    for _ in 0..2000 {
        let mut outer = wat::parse_str("(component)").unwrap();
        outer.push(4);
        let mut length = bytes.len();
        while length >= 0x80 {
            outer.push(length as u8 | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.extend(&bytes);
        bytes = outer;
    }
    let result = Translation::parse(&bytes, Features::default());
    assert!(matches!(result, Err(Error::TooLarge { .. })));
}

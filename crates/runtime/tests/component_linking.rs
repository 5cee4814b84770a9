//! Imports are found by name and checked by type before anything runs; exports are found in
//! instances of any depth.

use threadline::component::{Component, ComponentError, Linker, Val, types::ComponentItem};
use threadline::{Engine, Store};

fn linker() -> (Engine, Linker<()>) {
    let engine = Engine::default();
    let linker = Linker::new(&engine);
    (engine, linker)
}

/// The error of instantiating a component.
fn refused(linker: &Linker<()>, text: &str) -> ComponentError {
    let component = Component::new(linker.engine(), text).expect("a valid component");
    let mut store = Store::new(linker.engine(), ());
    let error = linker
        .instantiate(&mut store, &component)
        .expect_err("an import is missing or wrong");
    error
        .downcast_ref::<ComponentError>()
        .unwrap_or_else(|| panic!("another error: {error:?}"))
        .clone()
}

const IMPORTS_A: &str = r#"(component (import "a" (func (param "x" u32) (result string))))"#;
const IMPORTS_NESTED: &str = r#"(component
    (import "my:pkg/api" (instance
        (export "f" (func (param "x" u32)))
        (export "g" (func)))))"#;

#[test]
fn a_missing_import_is_named() {
    let (_, mut linker) = linker();
    assert_eq!(
        refused(&linker, IMPORTS_A).to_string(),
        "the component imports the function `a`, which the linker does not define"
    );
    let mut api = linker.instance("my:pkg/api").expect("a new name");
    api.func_wrap("f", |_, (_,): (u32,)| Ok(()))
        .expect("a new name");
    assert_eq!(
        refused(&linker, IMPORTS_NESTED).to_string(),
        "the component imports the function `my:pkg/api#g`, which the linker does not define"
    );
}

#[test]
fn an_import_of_another_type_is_refused() {
    let (_, mut linker) = linker();
    linker.allow_shadowing(true);
    let mut root = linker.root();
    root.func_wrap("a", |_, (_,): (u64,)| Ok((String::new(),)))
        .expect("a new name");
    assert_eq!(
        refused(&linker, IMPORTS_A).to_string(),
        "the component imports `a` as `func(x: u32) -> string`, which the linker's function does \
         not fit: parameters: element 0: expected `u32`, found `u64`"
    );
    let mut root = linker.root();
    root.func_wrap("a", |_, (_,): (u32,)| Ok(()))
        .expect("shadowing is allowed");
    assert_eq!(
        refused(&linker, IMPORTS_A).to_string(),
        "the component imports `a` as `func(x: u32) -> string`, which the linker's function does \
         not fit: results: expected 1 value(s), found a tuple of 0"
    );
    linker.instance("a").expect("shadowing is allowed");
    assert_eq!(
        refused(&linker, IMPORTS_A).to_string(),
        "the component imports `a` as a function, but the linker defines it as an instance"
    );
}

#[test]
fn a_name_is_defined_once_unless_shadowing_is_allowed() {
    let (_, mut linker) = linker();
    linker
        .root()
        .func_wrap("f", |_, ()| Ok(()))
        .expect("a new name");
    let error = linker
        .root()
        .func_new("f", |_, _, _| Ok(()))
        .expect_err("defined already");
    assert!(error.to_string().contains("`f`"), "{error}");
    let error = linker.instance("f").expect_err("defined already");
    assert!(error.to_string().contains("`f`"), "{error}");
    linker.allow_shadowing(true);
    linker
        .root()
        .func_new("f", |_, _, _| Ok(()))
        .expect("shadowing is allowed");
}

#[test]
fn functions_of_imported_instances_are_called() {
    let (engine, mut linker) = linker();
    let text = r#"(component
        (import "outer" (instance $outer
            (export "inner" (instance (export "add" (func (param "a" u32) (param "b" u32)
                (result u32)))))))
        (alias export $outer "inner" (instance $inner))
        (core func $add (canon lower (func $inner "add")))
        (core module $m
            (import "" "add" (func $add (param i32 i32) (result i32)))
            (func (export "f") (result i32) (call $add (i32.const 40) (i32.const 2))))
        (core instance $i (instantiate $m (with "" (instance (export "add" (func $add))))))
        (func (export "f") (result u32) (canon lift (core func $i "f")))
    )"#;
    let mut outer = linker.instance("outer").expect("a new name");
    let mut inner = outer.instance("inner").expect("a new name");
    inner
        .func_wrap("add", |_, (a, b): (u32, u32)| Ok((a + b,)))
        .expect("a new name");
    let component = Component::new(&engine, text).expect("a valid component");
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).expect("it fits");
    let f = instance
        .get_typed_func::<(), (u32,)>(&mut store, "f")
        .expect("the right types");
    assert_eq!(f.call(&mut store, ()).expect("no trap"), (42,));
}

const EXPORTS: &str = r#"(component
    (core module $m (func (export "f") (result i32) (i32.const 7)))
    (core instance $i (instantiate $m))
    (func $f (result u32) (canon lift (core func $i "f")))
    (instance $inner (export "f" (func $f)))
    (instance $outer (export "inner" (instance $inner)))
    (export "outer" (instance $outer))
    (export "f" (func $f))
)"#;

#[test]
fn exports_of_nested_instances_are_found() {
    let (engine, linker) = linker();
    let component = Component::new(&engine, EXPORTS).expect("a valid component");
    let mut store = Store::new(&engine, ());
    let instance = linker
        .instantiate(&mut store, &component)
        .expect("no imports");

    let (item, outer) = instance
        .get_export(&mut store, None, "outer")
        .expect("an export");
    assert!(matches!(item, ComponentItem::ComponentInstance(_)));
    let inner = component
        .get_export_index(Some(&outer), "inner")
        .expect("an export of `outer`");
    let (item, f) = instance
        .get_export(&mut store, Some(&inner), "f")
        .expect("an export of `inner`");
    assert!(matches!(item, ComponentItem::ComponentFunc(_)));
    let f = instance
        .get_typed_func::<(), (u32,)>(&mut store, f)
        .expect("the right types");
    assert_eq!(f.call(&mut store, ()).expect("no trap"), (7,));

    assert!(
        instance.get_func(&mut store, outer).is_none(),
        "not a function"
    );
    assert!(
        instance.get_func(&mut store, "inner").is_none(),
        "not at the root"
    );
    let other = Component::new(&engine, EXPORTS).expect("a valid component");
    let foreign = other.get_export_index(None, "f").expect("an export");
    assert!(
        instance.get_func(&mut store, foreign).is_none(),
        "of another component"
    );
}

#[test]
fn a_function_is_typed_with_its_own_types_alone() {
    let (engine, linker) = linker();
    let component = Component::new(&engine, EXPORTS).expect("a valid component");
    let mut store = Store::new(&engine, ());
    let instance = linker
        .instantiate(&mut store, &component)
        .expect("no imports");
    let error = instance
        .get_typed_func::<(), (String,)>(&mut store, "f")
        .expect_err("a u32");
    assert_eq!(
        format!("{error:#}"),
        "failed to type the function `f`: the results of `func() -> u32` differ: element 0: \
         expected `u32`, found `string`"
    );
    let error = instance
        .get_typed_func::<(), ()>(&mut store, "nope")
        .expect_err("no such export");
    assert_eq!(error.to_string(), "the instance exports no function `nope`");
}

#[test]
fn imports_and_exports_are_listed_with_their_types() {
    let engine = Engine::default();
    let text = r#"(component
        (type $e' (enum "red" "green"))
        (import "color" (type $e (eq $e')))
        (import "api" (instance (export "f" (func (param "x" (list u8)) (result bool)))))
        (import "paint" (func $paint (param "c" $e)))
        (export "again" (func $paint))
    )"#;
    let component = Component::new(&engine, text).expect("a valid component");
    let ty = component.component_type();
    let imports: Vec<_> = ty.imports().collect();
    let names: Vec<_> = imports.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["color", "api", "paint"]);
    let ComponentItem::Type(color) = &imports[0].1 else {
        panic!("not a type: {:?}", imports[0]);
    };
    assert_eq!(color.to_string(), "enum { red, green }");
    let ComponentItem::ComponentInstance(api) = &imports[1].1 else {
        panic!("not an instance: {:?}", imports[1]);
    };
    let Some(ComponentItem::ComponentFunc(f)) = api.get_export("f") else {
        panic!("no function: {api:?}");
    };
    assert_eq!(f.to_string(), "func(x: list<u8>) -> bool");
    let (name, ComponentItem::ComponentFunc(again)) = ty.exports().next().expect("an export")
    else {
        panic!("not a function");
    };
    assert_eq!(name, "again");
    assert_eq!(again.to_string(), "func(c: enum { red, green })");
}

#[test]
fn a_core_module_is_not_a_component() {
    let engine = Engine::default();
    let error = Component::new(&engine, "(module)").expect_err("a core module");
    assert!(error.to_string().contains("core module"), "{error}");
}

#[test]
fn a_component_is_instantiated_many_times() {
    let (engine, linker) = linker();
    let component = Component::new(&engine, EXPORTS).expect("a valid component");
    let pre = linker.instantiate_pre(&component).expect("no imports");
    let mut store = Store::new(&engine, ());
    for _ in 0..3 {
        let instance = pre.instantiate(&mut store).expect("there is room");
        let f = instance.get_func(&mut store, "f").expect("an export");
        let mut results = [Val::Bool(false)];
        f.call(&mut store, &[], &mut results).expect("no trap");
        assert_eq!(results, [Val::U32(7)]);
    }
    let mut other = Store::new(&Engine::default(), ());
    let error = pre.instantiate(&mut other).expect_err("another engine");
    assert!(error.to_string().contains("another engine"), "{error}");
}

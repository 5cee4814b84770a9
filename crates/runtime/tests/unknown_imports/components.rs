//! What linkers of components define for imports that nothing provides.

use crate::fails;
use threadline::component::{Component, ComponentError, Linker, ResourceType};
use threadline::{Engine, Store};

/// A component that imports two functions of an instance and exports them.
const CALLS: &str = r#"(component
    (import "wasi:foo/bar@1.2.0" (instance $bar
        (export "baz" (func (result u32)))
        (export "known" (func (result u32)))))
    (export "baz" (func $bar "baz"))
    (export "known" (func $bar "known")))"#;

#[test]
fn only_what_is_missing_traps() {
    let engine = Engine::default();
    let component = Component::new(&engine, CALLS).unwrap();
    for (defined, shadowing) in [
        ("wasi:foo/bar@1.2.0", false),
        ("wasi:foo/bar@1.2.0", true),
        ("wasi:foo/bar@1.3.1", false),
        ("wasi:foo/bar@1.3.1", true),
    ] {
        let mut linker = Linker::<()>::new(&engine);
        linker.allow_shadowing(shadowing);
        let mut bar = linker.instance(defined).unwrap();
        bar.func_wrap("known", |_, ()| Ok((5_u32,))).unwrap();
        linker.define_unknown_imports_as_traps(&component).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let known = instance.get_typed_func::<(), (u32,)>(&mut store, "known");
        assert_eq!(known.unwrap().call(&mut store, ()).unwrap(), (5,));
        let baz = instance.get_typed_func::<(), (u32,)>(&mut store, "baz");
        let message = format!("unknown import: `{defined}#baz` has not been defined");
        fails(baz.unwrap().call(&mut store, ()), &[&message]);
    }
}

#[test]
fn an_instance_takes_the_place_of_nothing_else() {
    let engine = Engine::default();
    let component = Component::new(&engine, CALLS).unwrap();
    for shadowing in [false, true] {
        let mut linker = Linker::<()>::new(&engine);
        linker.allow_shadowing(shadowing);
        let mut root = linker.root();
        root.func_wrap("wasi:foo/bar@1.2.0", |_, ()| Ok(()))
            .unwrap();
        let error = linker.define_unknown_imports_as_traps(&component);
        let error = error.unwrap_err();
        let Some(ComponentError::WrongKind { path, .. }) = error.downcast_ref() else {
            panic!("another error: {error:?}");
        };
        assert_eq!(path, &["wasi:foo/bar@1.2.0"]);
    }
}

#[test]
fn a_type_with_two_names_is_defined_as_what_one_of_them_stands_for() {
    struct File;
    let engine = Engine::default();
    let text = r#"(component
        (import "types" (instance $types (export "r" (type (sub resource)))))
        (alias export $types "r" (type $r))
        (import "user" (instance
            (export "r" (type $same (eq $r)))
            (export "f" (func (param "x" (borrow $same)))))))"#;
    let component = Component::new(&engine, text).unwrap();
    for defined in [&["types"][..], &["user"], &["types", "user"], &[]] {
        let mut linker = Linker::<()>::new(&engine);
        for name in defined {
            let ty = ResourceType::host::<File>();
            let mut instance = linker.instance(name).unwrap();
            instance.resource("r", ty, |_, _| Ok(())).unwrap();
        }
        linker.define_unknown_imports_as_traps(&component).unwrap();
        let instance = linker.instantiate(Store::new(&engine, ()), &component);
        assert!(instance.is_ok(), "{defined:?}: {:?}", instance.err());
    }
}

#[test]
fn engines_are_told_apart() {
    let (engine, other) = (Engine::default(), Engine::default());
    let foreign = Component::new(&other, "(component)").unwrap();
    fails(
        Linker::<()>::new(&engine).define_unknown_imports_as_traps(&foreign),
        &["the component belongs to another engine"],
    );
}

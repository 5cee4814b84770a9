//! Core modules as imports and exports of components.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use threadline::component::{Component, ComponentError, Instance, Linker, types::ComponentItem};
use threadline::{Engine, Module, Store};

/// A component that instantiates a module it imports, inside a nested component, with an intrinsic,
/// a function of its own and a memory.
const USES_A_MODULE: &str = r#"(component
    (import "lib" (core module $lib
        (import "host" "add" (func (param i32 i32) (result i32)))
        (import "host" "get" (func (result i32)))
        (import "host" "set" (func (param i32)))
        (import "host" "never" (func))
        (export "run" (func (param i32) (result i32)))
        (export "count" (global (mut i32)))
        (export "mem" (memory 1))))
    (component $inner
        (import "lib" (core module $lib
            (import "host" "add" (func (param i32 i32) (result i32)))
            (import "host" "get" (func (result i32)))
            (import "host" "set" (func (param i32)))
            (import "host" "never" (func))
            (export "run" (func (param i32) (result i32)))
            (export "count" (global (mut i32)))
            (export "mem" (memory 1))))
        (core module $own
            (func (export "add") (param i32 i32) (result i32)
                (i32.add (local.get 0) (local.get 1)))
            (func (export "never") unreachable))
        (core instance $own (instantiate $own))
        (core func $get (canon context.get i32 0))
        (core func $set (canon context.set i32 0))
        (core instance $lib (instantiate $lib (with "host" (instance
            (export "add" (func $own "add")) (export "never" (func $own "never"))
            (export "get" (func $get)) (export "set" (func $set))))))
        (core module $reader
            (import "lib" "count" (global $count (mut i32)))
            (import "lib" "mem" (memory 1))
            (import "" "get" (func $get (result i32)))
            (func (export "state") (result i32)
                (i32.add (call $get)
                    (i32.add (global.get $count) (i32.load (i32.const 16))))))
        (core instance $reader (instantiate $reader
            (with "lib" (instance $lib))
            (with "" (instance (export "get" (func $get))))))
        (func (export "run") (param "x" u32) (result u32) (canon lift (core func $lib "run")))
        (func (export "state") (result u32) (canon lift (core func $reader "state"))))
    (instance $i (instantiate $inner (with "lib" (core module $lib))))
    (export "run" (func $i "run"))
    (export "state" (func $i "state"))
    (export "lib" (core module $lib)))"#;

/// Such a module: it imports less, in another order, and exports more.
const A_MODULE: &str = r#"(module
    (import "host" "set" (func $set (param i32)))
    (import "host" "get" (func $get (result i32)))
    (import "host" "add" (func $add (param i32 i32) (result i32)))
    (memory (export "other") 3)
    (memory (export "mem") 2 5)
    (global (export "count") (mut i32) (i32.const 0))
    (func (export "more"))
    (func (export "run") (param i32) (result i32)
        ;; The slot begins as zero in each call, and what is put there is found there.
        (call $set (call $add (call $get) (i32.const 7)))
        (global.set 0 (i32.add (global.get 0) (i32.const 1)))
        (i32.store 1 (i32.const 16) (i32.const 100))
        (call $add (local.get 0) (call $get))))"#;

fn engine() -> Engine {
    let mut config = threadline::Config::new();
    config.wasm_component_model_async(true);
    Engine::new(&config).unwrap()
}

fn call(store: &mut Store<()>, instance: &Instance, name: &str, x: Option<u32>) -> u32 {
    match x {
        Some(x) => {
            let func = instance
                .get_typed_func::<(u32,), (u32,)>(&mut *store, name)
                .unwrap();
            func.call(store, (x,)).unwrap().0
        }
        None => {
            let func = instance
                .get_typed_func::<(), (u32,)>(&mut *store, name)
                .unwrap();
            func.call(store, ()).unwrap().0
        }
    }
}

#[test]
fn an_imported_module_is_instantiated_by_a_nested_component() {
    let engine = engine();
    let component = Component::new(&engine, USES_A_MODULE).unwrap();
    let mut linker = Linker::new(&engine);
    let module = Module::new(&engine, A_MODULE).unwrap();
    linker.root().module("lib", &module).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    for _ in 0..2 {
        assert_eq!(call(&mut store, &instance, "run", Some(5)), 12);
    }
    assert_eq!(call(&mut store, &instance, "state", None), 102);
    // A second instance has a memory and slots of its own.
    let other = linker.instantiate(&mut store, &component).unwrap();
    assert_eq!(call(&mut store, &other, "state", None), 0);
    // It is exported again as what it is.
    let again = instance.get_module(&store, "lib").unwrap();
    assert!(again.get_export("more").is_some());
    assert!(instance.get_module(&store, "run").is_none());
    assert!(instance.get_func(&store, "lib").is_none());
}

#[test]
fn modules_are_listed_with_their_types() {
    let engine = engine();
    let component = Component::new(&engine, USES_A_MODULE).unwrap();
    let ty = component.component_type();
    let ComponentItem::Module(lib) = ty.imports().next().unwrap().1 else {
        panic!("the import is a module");
    };
    let imports: Vec<_> = lib
        .imports()
        .map(|(module, name, ty)| format!("{module} {name}: {ty}"))
        .collect();
    assert_eq!(
        imports[..2],
        [
            "host add: func (i32, i32) -> (i32)",
            "host get: func () -> (i32)"
        ]
    );
    let exports: Vec<_> = lib
        .exports()
        .map(|(name, ty)| format!("{name}: {ty}"))
        .collect();
    assert_eq!(
        exports,
        [
            "run: func (i32) -> (i32)",
            "count: global (mut i32)",
            "mem: memory 1"
        ]
    );
    let exported = ty.exports().find(|(name, _)| *name == "lib").unwrap().1;
    assert!(matches!(exported, ComponentItem::Module(ty) if ty == lib));
}

/// What is wrong with a module as the import of a component.
fn refused(import: &str, module: &str) -> String {
    refused_with("", import, module)
}

fn refused_with(declared: &str, import: &str, module: &str) -> String {
    let engine = Engine::default();
    let component = format!(r#"(component {declared} (import "lib" (core module {import})))"#);
    let component = Component::new(&engine, component).unwrap();
    let mut linker = Linker::<()>::new(&engine);
    let module = Module::new(&engine, module).unwrap();
    linker.root().module("lib", &module).unwrap();
    match linker.instantiate(&mut Store::new(&engine, ()), &component) {
        Ok(_) => "it fits".to_owned(),
        Err(error) => match error.downcast_ref() {
            Some(ComponentError::WrongModule { path, mismatch }) => {
                assert_eq!(path[..], ["lib"]);
                mismatch.clone()
            }
            _ => panic!("another error: {error:?}"),
        },
    }
}

#[test]
fn a_module_of_another_type_is_refused() {
    for (import, module, expected) in [
        (
            r#"(export "f" (func (param i32)))"#,
            "(module)",
            "it does not export `f`",
        ),
        (
            r#"(export "f" (func (param i32)))"#,
            r#"(module (func (export "f") (param i64)))"#,
            "its export `f`: expected `func (i32) -> ()`, found `func (i64) -> ()`",
        ),
        (
            r#"(export "f" (func))"#,
            r#"(module (memory (export "f") 1))"#,
            "its export `f`: expected `func () -> ()`, found `memory 1`",
        ),
        (
            r#"(import "a" "b" (func))"#,
            r#"(module (import "a" "c" (func)))"#,
            "it imports `a` `c`, which the component does not give it",
        ),
        (
            r#"(import "a" "b" (memory 1))"#,
            r#"(module (import "a" "b" (memory 2)))"#,
            "its import `a` `b`: it expects `memory 2`, the component gives it `memory 1`",
        ),
        (
            r#"(import "a" "b" (memory 2 3))"#,
            r#"(module (import "a" "b" (memory 1 4)))"#,
            "it fits",
        ),
        (
            r#"(import "a" "b" (table 1 funcref))"#,
            r#"(module (import "a" "b" (table 1 2 funcref)))"#,
            "its import `a` `b`: it expects `table 1..=2 funcref`, the component gives it `table 1 \
             funcref`",
        ),
        (
            r#"(export "m" (memory 1))"#,
            r#"(module (memory (export "m") 3 4))"#,
            "it fits",
        ),
        (
            r#"(export "m" (memory 1 3))"#,
            r#"(module (memory (export "m") 1))"#,
            "its export `m`: expected `memory 1..=3`, found `memory 1`",
        ),
        (
            r#"(export "g" (global i32))"#,
            r#"(module (global (export "g") (mut i32) (i32.const 1)))"#,
            "its export `g`: expected `global i32`, found `global (mut i32)`",
        ),
        // A declared subtype is another type than one that is declared alone.
        (
            r#"(export "f" (func))"#,
            r#"(module (type $t (sub (func))) (func (export "f") (type $t)))"#,
            "its export `f`: expected `func () -> ()`, found `func () -> ()`",
        ),
        (r#"(import "a" "b" (func))"#, "(module)", "it fits"),
    ] {
        assert_eq!(refused(import, module), expected, "{import} {module}");
    }
}

#[test]
fn a_missing_module_is_named() {
    let engine = Engine::default();
    let component = Component::new(
        &engine,
        r#"(component (import "x" (instance (export "m" (core module)))))"#,
    );
    let linker = Linker::<()>::new(&engine);
    let error = linker
        .instantiate(&mut Store::new(&engine, ()), &component.unwrap())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the component imports the core module `x#m`, which the linker does not define"
    );
}

#[test]
fn an_exported_module_can_be_given_other_imports() {
    let engine = engine();
    // Its only instance in the component would let the compiler know the import, and where the
    // slots are.
    let component = Component::new(
        &engine,
        r#"(component
            (core module $m
                (import "" "get" (func $get (result i32)))
                (func (export "f") (result i32) (call $get)))
            (core func $get (canon context.get i32 0))
            (core instance $i (instantiate $m
                (with "" (instance (export "get" (func $get))))))
            (func (export "f") (result u32) (canon lift (core func $i "f")))
            (export "m" (core module $m)))"#,
    )
    .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    assert_eq!(call(&mut store, &instance, "f", None), 0);
    let module = instance.get_module(&store, "m").unwrap();
    assert!(module.serialize().is_err());
    let mut linker = threadline::Linker::new(&engine);
    linker.func_wrap("", "get", || 42).unwrap();
    let alone = linker.instantiate(&mut store, &module).unwrap();
    let f = alone.get_typed_func::<(), i32>(&mut store, "f").unwrap();
    assert_eq!(f.call(&mut store, ()).unwrap(), 42);
    // And as the import of another component.
    let user = Component::new(
        &engine,
        r#"(component
            (import "m" (core module $m
                (import "" "get" (func (result i32))) (export "f" (func (result i32)))))
            (core module $nine (func (export "get") (result i32) (i32.const 9)))
            (core instance $nine (instantiate $nine))
            (core instance $i (instantiate $m (with "" (instance $nine))))
            (func (export "f") (result u32) (canon lift (core func $i "f"))))"#,
    );
    let mut linker = Linker::new(&engine);
    linker.root().reexport(&store, &instance).unwrap();
    let user = linker.instantiate(&mut store, &user.unwrap()).unwrap();
    assert_eq!(call(&mut store, &user, "f", None), 9);
}

#[test]
fn values_go_through_the_memory_of_an_imported_module() {
    let engine = Engine::default();
    let component = Component::new(
        &engine,
        r#"(component
            (import "libc" (core module $libc
                (export "memory" (memory 1))
                (export "realloc" (func (param i32 i32 i32 i32) (result i32)))))
            (component $c
                (import "libc" (core module $libc
                    (export "memory" (memory 1))
                    (export "realloc" (func (param i32 i32 i32 i32) (result i32)))))
                (core instance $libc (instantiate $libc))
                (core module $m
                    (import "" "memory" (memory 1))
                    (func (export "echo") (param i32 i32) (result i32)
                        (i32.store (i32.const 8) (local.get 0))
                        (i32.store (i32.const 12) (local.get 1))
                        (i32.const 8)))
                (core instance $m (instantiate $m (with "" (instance $libc))))
                (func (export "echo") (param "s" string) (result string)
                    (canon lift (core func $m "echo") (memory (core memory $libc "memory"))
                        (realloc (core func $libc "realloc")))))
            (component $d
                (import "libc" (core module $libc
                    (export "memory" (memory 1))
                    (export "realloc" (func (param i32 i32 i32 i32) (result i32)))))
                (import "echo" (func $echo (param "s" string) (result string)))
                (core instance $libc (instantiate $libc))
                (core func $echo (canon lower (func $echo) (memory (core memory $libc "memory"))
                    (realloc (core func $libc "realloc"))))
                (core module $m
                    (import "" "echo" (func $echo (param i32 i32 i32)))
                    (func (export "echo") (param i32 i32) (result i32)
                        (call $echo (local.get 0) (local.get 1) (i32.const 8))
                        (i32.const 8)))
                (core instance $m (instantiate $m
                    (with "" (instance (export "echo" (func $echo))))))
                (func (export "echo") (param "s" string) (result string)
                    (canon lift (core func $m "echo") (memory (core memory $libc "memory"))
                        (realloc (core func $libc "realloc")))))
            (instance $c (instantiate $c (with "libc" (core module $libc))))
            (instance $d (instantiate $d (with "libc" (core module $libc))
                (with "echo" (func $c "echo"))))
            (export "echo" (func $d "echo")))"#,
    );
    let libc = Module::new(
        &engine,
        r#"(module
            (memory (export "memory") 2)
            (global $next (mut i32) (i32.const 1024))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                (global.get $next)
                (global.set $next (i32.add (global.get $next) (local.get 3)))))"#,
    );
    let mut linker = Linker::new(&engine);
    linker.root().module("libc", &libc.unwrap()).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component.unwrap()).unwrap();
    let echo = instance
        .get_typed_func::<(&str,), (String,)>(&mut store, "echo")
        .unwrap();
    let (echoed,) = echo.call(&mut store, ("through both",)).unwrap();
    assert_eq!(echoed, "through both");
}

#[test]
fn references_to_functions_of_certain_types_are_compared() {
    let int = r#"(core type $t (func (param i32)))"#;
    let import = |ty: &str| format!(r#"(alias outer 1 $t (type $t)) {ty}"#);
    for (declared, import, module, expected) in [
        (
            int,
            import(r#"(export "f" (func (param (ref null 0))))"#),
            r#"(module (type $own (func (param i32)))
                (func (export "f") (param (ref null $own))))"#,
            "it fits",
        ),
        (
            int,
            import(r#"(export "f" (func (param (ref null 0))))"#),
            r#"(module (type $own (func (param i64)))
                (func (export "f") (param (ref null $own))))"#,
            "differs",
        ),
        // References that are never null are among those that may be.
        (
            int,
            import(r#"(export "g" (global (ref null 0)))"#),
            r#"(module (type $own (func (param i32))) (func $f (type $own)) (elem declare func $f)
                (global (export "g") (ref $own) (ref.func $f)))"#,
            "it fits",
        ),
        (
            int,
            import(r#"(export "g" (global (ref 0)))"#),
            r#"(module (type $own (func (param i32)))
                (global (export "g") (ref null $own) (ref.null $own)))"#,
            "differs",
        ),
        (
            int,
            import(r#"(import "a" "t" (table 1 (ref null 0)))"#),
            r#"(module (type $own (func (param i32))) (import "a" "t" (table 1 (ref null $own))))"#,
            "it fits",
        ),
        (
            int,
            import(r#"(import "a" "t" (table 1 (ref null 0)))"#),
            r#"(module (import "a" "t" (table 1 funcref)))"#,
            "differs",
        ),
        // Groups of types, and declared subtypes.
        (
            "(core rec (type $t (func (result (ref null $u)))) (type $u (func (param (ref null $t)))))",
            import(r#"(export "f" (func (type 0)))"#),
            r#"(module
                (rec (type $a (func (result (ref null $b)))) (type $b (func (param (ref null $a)))))
                (func (export "f") (type $a) (ref.null $b)))"#,
            "it fits",
        ),
        (
            "(core rec (type $t (func (result (ref null $u)))) (type $u (func (param (ref null $t)))))",
            import(r#"(export "f" (func (type 0)))"#),
            r#"(module
                (rec (type $a (func (result (ref null $b)))) (type $b (func)))
                (func (export "f") (type $a) (ref.null $b)))"#,
            "differs",
        ),
        (
            "(core type $t (sub (func (result funcref))))",
            import(r#"(export "f" (func (type 0)))"#),
            r#"(module
                (type $super (sub (func (result funcref))))
                (type $sub (sub $super (func (result (ref func)))))
                (func $f (export "f") (type $sub) (ref.func $f)))"#,
            "it fits",
        ),
        (
            "(core type $t (sub (func (result funcref))))",
            import(r#"(export "f" (func (type 0)))"#),
            r#"(module (func $f (export "f") (result funcref) (ref.func $f)))"#,
            "differs",
        ),
    ] {
        let refused = refused_with(declared, &import, module);
        match expected {
            "it fits" => assert_eq!(refused, expected, "{import} {module}"),
            _ => assert!(
                refused.contains(": expected `") || refused.contains("it expects `"),
                "{refused}"
            ),
        }
    }
}

#[test]
fn a_function_reference_goes_through_an_imported_module() {
    let engine = Engine::default();
    let user = Component::new(
        &engine,
        r#"(component
            (core type $t (func (param i32) (result i32)))
            (import "apply" (core module $apply
                (alias outer 1 $t (type $t))
                (export "apply" (func (param (ref $t) i32) (result i32)))))
            (core instance $apply (instantiate $apply))
            (core module $m
                (type $t (func (param i32) (result i32)))
                (import "" "apply" (func $apply (param (ref $t) i32) (result i32)))
                (func $double (type $t) (i32.mul (local.get 0) (i32.const 2)))
                (elem declare func $double)
                (func (export "run") (param i32) (result i32)
                    (call $apply (ref.func $double) (local.get 0))))
            (core instance $m (instantiate $m (with "" (instance $apply))))
            (func (export "run") (param "x" u32) (result u32) (canon lift (core func $m "run"))))"#,
    )
    .unwrap();
    // The module is one that another component exports.
    let exporter = Component::new(
        &engine,
        r#"(component (core module $apply
                (type $t (func (param i32) (result i32)))
                (func (export "apply") (param (ref $t) i32) (result i32)
                    (call_ref $t (local.get 1) (local.get 0))))
            (export "apply" (core module $apply)))"#,
    )
    .unwrap();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let exporter = linker.instantiate(&mut store, &exporter).unwrap();
    linker.root().reexport(&store, &exporter).unwrap();
    let user = linker.instantiate(&mut store, &user).unwrap();
    assert_eq!(call(&mut store, &user, "run", Some(21)), 42);
}

//! Functions and whole instances of components as imports of others, and names with versions.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use threadline::component::{Component, Instance, Linker, Resource, ResourceType, Val};
use threadline::{Engine, Store, Trap};

/// Exports a resource type that counts its drops, functions of it, and one of strings.
const PROVIDER: &str = r#"(component
    (core module $m
        (memory (export "memory") 1)
        (global $drops (mut i32) (i32.const 0))
        (global $next (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get 3))))
        (func (export "dtor") (param i32)
            (global.set $drops (i32.add (global.get $drops) (i32.const 1))))
        (func (export "drops") (result i32) (global.get $drops))
        (func (export "value") (param i32) (result i32) (local.get 0))
        (func (export "echo") (param i32 i32) (result i32)
            (i32.store (i32.const 8) (local.get 0))
            (i32.store (i32.const 12) (local.get 1))
            (i32.const 8))
        (func (export "fail") unreachable))
    (core instance $m (instantiate $m))
    (type $r (resource (rep i32) (dtor (core func $m "dtor"))))
    (core func $new (canon resource.new $r))
    (core module $maker
        (import "" "new" (func $new (param i32) (result i32)))
        (func (export "make") (param i32) (result i32) (call $new (local.get 0))))
    (core instance $maker (instantiate $maker
        (with "" (instance (export "new" (func $new))))))
    (component $shim
        (import "r" (type $r (sub resource)))
        (import "make" (func $make (param "n" u32) (result (own $r))))
        (import "value" (func $value (param "r" (borrow $r)) (result u32)))
        (import "drops" (func $drops (result u32)))
        (import "echo" (func $echo (param "s" string) (result string)))
        (import "fail" (func $fail))
        (export $x "r" (type $r))
        (export "make" (func $make) (func (param "n" u32) (result (own $x))))
        (export "value" (func $value) (func (param "r" (borrow $x)) (result u32)))
        (export "drops" (func $drops))
        (export "echo" (func $echo))
        (export "fail" (func $fail)))
    (func $make (param "n" u32) (result (own $r)) (canon lift (core func $maker "make")))
    (func $value (param "r" (borrow $r)) (result u32) (canon lift (core func $m "value")))
    (func $drops (result u32) (canon lift (core func $m "drops")))
    (func $echo (param "s" string) (result string) (canon lift (core func $m "echo")
        (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
    (func $fail (canon lift (core func $m "fail")))
    (instance $api (instantiate $shim (with "r" (type $r)) (with "make" (func $make))
        (with "value" (func $value)) (with "drops" (func $drops)) (with "echo" (func $echo))
        (with "fail" (func $fail))))
    (export "a:b/api@1.3.1" (instance $api)))"#;

/// Imports some of that, by a lower version.
const USER: &str = r#"(component
    (import "a:b/api@1.2.0" (instance $api
        (export "r" (type $r (sub resource)))
        (export "make" (func (param "n" u32) (result (own $r))))
        (export "value" (func (param "r" (borrow $r)) (result u32)))
        (export "echo" (func (param "s" string) (result string)))
        (export "fail" (func))))
    (alias export $api "r" (type $r))
    (core module $libc
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 2048))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get 3)))))
    (core instance $libc (instantiate $libc))
    (core func $make (canon lower (func $api "make")))
    (core func $value (canon lower (func $api "value")))
    (core func $echo (canon lower (func $api "echo") (memory (core memory $libc "memory"))
        (realloc (core func $libc "realloc"))))
    (core func $fail (canon lower (func $api "fail")))
    (core func $drop (canon resource.drop $r))
    (core module $m
        (import "" "make" (func $make (param i32) (result i32)))
        (import "" "value" (func $value (param i32) (result i32)))
        (import "" "echo" (func $echo (param i32 i32 i32)))
        (import "" "drop" (func $drop (param i32)))
        (import "" "fail" (func $fail))
        (func (export "both") (param i32) (result i32)
            (local $r i32) (local $v i32)
            (local.set $r (call $make (local.get 0)))
            (local.set $v (call $value (local.get $r)))
            (call $drop (local.get $r))
            (local.get $v))
        (func (export "echo") (param i32 i32) (result i32)
            (call $echo (local.get 0) (local.get 1) (i32.const 8))
            (i32.const 8))
        (func (export "fail") (call $fail)))
    (core instance $m (instantiate $m (with "" (instance
        (export "make" (func $make)) (export "value" (func $value)) (export "echo" (func $echo))
        (export "drop" (func $drop)) (export "fail" (func $fail))))))
    (func (export "both") (param "n" u32) (result u32) (canon lift (core func $m "both")))
    (func (export "echo") (param "s" string) (result string) (canon lift (core func $m "echo")
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (func (export "fail") (canon lift (core func $m "fail"))))"#;

fn provider(store: &mut Store<()>) -> Instance {
    let component = Component::new(store.engine(), PROVIDER).unwrap();
    let linker = Linker::new(store.engine());
    linker.instantiate(store, &component).unwrap()
}

fn call(store: &mut Store<()>, instance: &Instance, name: &str, params: &[Val]) -> Val {
    let func = instance.get_func(&*store, name).unwrap();
    let mut results = [Val::Bool(false)];
    func.call(store, params, &mut results).unwrap();
    results[0].clone()
}

fn drops(store: &mut Store<()>, provider: &Instance) -> u32 {
    // By a version that it is compatible with.
    let api = provider
        .get_export_index(&mut *store, None, "a:b/api@1.0.0")
        .unwrap();
    let drops = provider
        .get_export_index(&mut *store, Some(&api), "drops")
        .unwrap();
    let drops = provider
        .get_typed_func::<(), (u32,)>(&mut *store, drops)
        .unwrap();
    drops.call(store, ()).unwrap().0
}

#[test]
fn an_instance_is_given_to_another_with_its_resources() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let provider = provider(&mut store);
    let mut linker = Linker::new(&engine);
    linker.root().reexport(&store, &provider).unwrap();
    let user = Component::new(&engine, USER).unwrap();
    let user = linker.instantiate(&mut store, &user).unwrap();
    assert_eq!(call(&mut store, &user, "both", &[Val::U32(7)]), Val::U32(7));
    assert_eq!(drops(&mut store, &provider), 1);
    assert_eq!(
        call(&mut store, &user, "echo", &["across".into()]),
        "across".into()
    );
    // A trap of the callee is one of the caller, and locks both.
    let fail = user.get_func(&store, "fail").unwrap();
    let error = fail.call(&mut store, &[], &mut []).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable));
    let error = fail.call(&mut store, &[], &mut []).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::CannotEnterComponent));
}

#[test]
fn a_function_of_another_type_is_refused() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let provider = provider(&mut store);
    let api = provider
        .get_export_index(&mut store, None, "a:b/api@1.3.1")
        .unwrap();
    let mut func = |name| {
        let index = provider
            .get_export_index(&mut store, Some(&api), name)
            .unwrap();
        provider.get_func(&store, index).unwrap()
    };
    let (echo, value) = (func("echo"), func("value"));
    let mut linker = Linker::new(&engine);
    linker.allow_shadowing(true);
    for (func, ty, expected) in [
        (echo, r#"(param "s" string) (result string)"#, None),
        (
            echo,
            r#"(param "s" u32) (result string)"#,
            Some("parameters: element 0: expected `u32`, found `string`"),
        ),
        (
            echo,
            r#"(param "s" string)"#,
            Some("results: expected 0 value(s), found a tuple of 1"),
        ),
        (
            value,
            r#"(param "r" (borrow $r)) (result u32)"#,
            Some("parameters: element 0: expected `borrow<r>`, found `borrow<r>`"),
        ),
    ] {
        linker.root().func(&store, "f", func).unwrap();
        let mut root = linker.root();
        root.resource("r", ResourceType::host::<u8>(), |_, _| Ok(()))
            .unwrap();
        let text = format!(
            r#"(component (import "r" (type $r (sub resource))) (import "f" (func {ty})))"#
        );
        let component = Component::new(&engine, text).unwrap();
        match (linker.instantiate(&mut store, &component), expected) {
            (Ok(_), None) => {}
            (Err(error), Some(expected)) => {
                assert!(error.to_string().ends_with(expected), "{error}");
            }
            (result, _) => panic!("{ty}: {result:?}"),
        }
    }
    let other = Store::new(&engine, ());
    assert!(linker.root().func(&other, "f", echo).is_err());
}

#[test]
fn a_compatible_version_is_imported_and_an_exact_one_wins() {
    let engine = Engine::default();
    let text = r#"(component
        (import "a:b/c@1.2.0" (instance $c (export "f" (func (result u32)))))
        (core func $f (canon lower (func $c "f")))
        (core module $m
            (import "" "f" (func $f (result i32)))
            (func (export "f") (result i32) (call $f)))
        (core instance $m (instantiate $m (with "" (instance (export "f" (func $f))))))
        (func (export "f") (result u32) (canon lift (core func $m "f"))))"#;
    let component = Component::new(&engine, text).unwrap();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::<()>::new(&engine);
    let define = |linker: &mut Linker<()>, name: &str, value: u32| {
        let mut instance = linker.instance(name).unwrap();
        instance.func_wrap("f", move |_, ()| Ok((value,))).unwrap();
    };
    define(&mut linker, "a:b/c@2.0.0", 0);
    let error = linker.instantiate(&mut store, &component).unwrap_err();
    assert!(error.to_string().contains("a:b/c@1.2.0#f"), "{error}");
    for (name, value, expected) in [
        ("a:b/c@1.1.0", 1, 1),
        ("a:b/c@1.3.1", 2, 2),
        ("a:b/c@1.2.9", 3, 2),
        ("a:b/c@1.2.0", 4, 4),
    ] {
        define(&mut linker, name, value);
        // What is defined for a compatible name is not unknown.
        linker.define_unknown_imports_as_traps(&component).unwrap();
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let found = call(&mut store, &instance, "f", &[]);
        assert_eq!(found, Val::U32(expected), "with {name}");
    }
}

#[test]
fn an_import_that_implements_an_interface_has_a_name_of_its_own() {
    let engine = Engine::default();
    let text = r#"(component
        (import "one" (implements "a:b/c@1.0.0") (instance (export "f" (func))))
        (import "two" (implements "a:b/c@1.0.0") (instance (export "f" (func)))))"#;
    let component = Component::new(&engine, text).unwrap();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::<()>::new(&engine);
    linker
        .instance("one")
        .unwrap()
        .func_wrap("f", |_, ()| Ok(()))
        .unwrap();
    let error = linker.instantiate(&mut store, &component).unwrap_err();
    assert!(error.to_string().contains("`two#f`"), "{error}");
    linker
        .instance("two")
        .unwrap()
        .func_wrap("f", |_, ()| Ok(()))
        .unwrap();
    linker.instantiate(&mut store, &component).unwrap();
}

struct File;

#[test]
fn a_resource_that_cannot_be_given_is_refused_before_the_call() {
    let engine = Engine::default();
    let text = r#"(component
        (import "file" (type $file (sub resource)))
        (core func $drop (canon resource.drop $file))
        (core module $m
            (import "" "drop" (func $drop (param i32)))
            (func (export "take") (param i32) (call $drop (local.get 0)))
            (func (export "two") (param i32 i32)
                (call $drop (local.get 0)) (call $drop (local.get 1))))
        (core instance $m (instantiate $m (with "" (instance (export "drop" (func $drop))))))
        (func (export "take") (param "f" (own $file)) (canon lift (core func $m "take")))
        (func (export "two") (param "a" (own $file)) (param "b" (own $file))
            (canon lift (core func $m "two"))))"#;
    let component = Component::new(&engine, text).unwrap();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::<()>::new(&engine);
    let mut root = linker.root();
    root.resource("file", ResourceType::host::<File>(), |_, _| Ok(()))
        .unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let (take, two) = (
        instance.get_func(&store, "take").unwrap(),
        instance.get_func(&store, "two").unwrap(),
    );

    let file = |store: &mut Store<()>| {
        Resource::<File>::new_own(1)
            .try_into_resource_any(store)
            .unwrap()
    };
    let wrong = Resource::<u8>::new_own(1)
        .try_into_resource_any(&mut store)
        .unwrap();
    let dropped = file(&mut store);
    dropped.resource_drop(&mut store).unwrap();
    let mut other_store = Store::new(&engine, ());
    let elsewhere = file(&mut other_store);
    let borrowed = Resource::<File>::new_borrow(1)
        .try_into_resource_any(&mut store)
        .unwrap();
    for (resource, expected) in [
        (wrong, "expected a resource of type"),
        (dropped, "dropped or given away"),
        (elsewhere, "another store"),
        (borrowed, "a borrowed resource can't be given away"),
    ] {
        let error = take
            .call(&mut store, &[Val::Resource(resource)], &mut [])
            .unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("the parameter `f`: "), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    let once = file(&mut store);
    let twice = [Val::Resource(once), Val::Resource(once)];
    let error = two.call(&mut store, &twice, &mut []).unwrap_err();
    assert!(error.to_string().contains("once more among"), "{error}");
    // The instance isn't locked, and the resource is still the host's.
    take.call(&mut store, &[Val::Resource(once)], &mut [])
        .unwrap();
}

#[test]
fn handles_are_limited() {
    let engine = Engine::default();
    let text = r#"(component
        (type $r (resource (rep i32)))
        (core func $new (canon resource.new $r))
        (core module $m
            (import "" "new" (func $new (param i32) (result i32)))
            (func (export "new") (param i32)
                (loop
                    (drop (call $new (i32.const 0)))
                    (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                    (br_if 0 (local.get 0)))))
        (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
        (func (export "new") (param "n" u32) (canon lift (core func $m "new"))))"#;
    let component = Component::new(&engine, text).unwrap();
    let linker = Linker::new(&engine);

    let limits = threadline::StoreLimitsBuilder::new().handles(100).build();
    let mut store = Store::new(&engine, limits);
    store.limiter(|limits| limits);
    let linker_with_limits = Linker::new(&engine);
    let new = |store: &mut Store<threadline::StoreLimits>| {
        let instance = linker_with_limits
            .instantiate(&mut *store, &component)
            .unwrap();
        instance.get_typed_func::<(u32,), ()>(store, "new").unwrap()
    };
    let (first, second) = (new(&mut store), new(&mut store));
    // Index 0 is not used, so 60 handles need 61 entries; 64 are made.
    first.call(&mut store, (60,)).unwrap();
    second.call(&mut store, (35,)).unwrap();
    let error = second.call(&mut store, (1,)).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::TooManyHandles));
    let error = format!("{error:#}");
    assert!(error.contains("ResourceLimiter::handles"), "{error}");
    first.call(&mut store, (3,)).unwrap();
    assert!(first.call(&mut store, (1,)).is_err());

    // By default, 65,536, one of which is not used.
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let new = instance
        .get_typed_func::<(u32,), ()>(&mut store, "new")
        .unwrap();
    new.call(&mut store, ((1 << 16) - 1,)).unwrap();
    let error = new.call(&mut store, (1,)).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::TooManyHandles));
}

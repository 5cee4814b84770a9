//! All kinds of host functions, called by functions that were lowered with `async`.

use crate::setup::{block_on, yields};
use std::sync::Arc;
use threadline::component::{Accessor, Component, Instance, Linker, Resource, ResourceType, Val};
use threadline::{Engine, Store};

/// `few` of no `async` type.
const SYNC: &str = r#"(component
    (import "few" (func $few (param "a" u32) (param "b" u64) (result string)))
    (core module $libc
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
    (core instance $libc (instantiate $libc))
    (core func $few' (canon lower (func $few)
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core module $m
        (import "" "memory" (memory 1))
        (import "" "few" (func $few (param i32 i64 i32)))
        (func (export "few") (result i32)
            (call $few (i32.const 7) (i64.const 8) (i32.const 64))
            (i32.load8_u (i32.load (i32.const 64)))))
    (core instance $i (instantiate $m (with "" (instance
        (export "memory" (memory $libc "memory")) (export "few" (func $few'))))))
    (func (export "few") (result u32) (canon lift (core func $i "few")))
)"#;

/// `few` passes its parameters in core values, `many` in memory; either gives a string, in memory. The
/// exports give the first byte of it, having checked that the call was over at once; `nothing` has
/// nothing to pass.
const TEXT: &str = r#"(component
    (import "few" (func $few async (param "a" u32) (param "b" u64) (result string)))
    (import "many" (func $many async (param "a" u32) (param "b" string) (param "c" u64) (param "d" u8)
        (result string)))
    (import "nothing" (func $nothing async))
    (core module $libc
        (memory (export "memory") 1)
        (global $top (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.get $top)
            (global.set $top (i32.add (global.get $top) (local.get 3)))))
    (core instance $libc (instantiate $libc))
    (core func $few' (canon lower (func $few) async
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core func $many' (canon lower (func $many) async
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core func $nothing' (canon lower (func $nothing) async))
    ;; The same import, lowered both ways.
    (core func $few-sync (canon lower (func $few)
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core module $m
        (import "" "memory" (memory 1))
        (import "" "few" (func $few (param i32 i64 i32) (result i32)))
        (import "" "few-sync" (func $few-sync (param i32 i64 i32)))
        (import "" "many" (func $many (param i32 i32) (result i32)))
        (import "" "nothing" (func $nothing (result i32)))
        (func $returned (param i32)
            (if (i32.ne (local.get 0) (i32.const 2)) (then unreachable)))
        (func $first (result i32) (i32.load8_u (i32.load (i32.const 64))))
        (func (export "few") (result i32)
            (call $returned (call $few (i32.const 7) (i64.const 8) (i32.const 64)))
            (call $first))
        (func (export "few-sync") (result i32)
            (call $few-sync (i32.const 7) (i64.const 8) (i32.const 64))
            (call $first))
        (data (i32.const 16) "\09\00\00\00\20\00\00\00\03\00\00\00\00\00\00\00\0a\00\00\00\00\00\00\00\0b")
        (data (i32.const 32) "\00\00\00\00\00\00\00\00\0b")
        (data (i32.const 48) "xyz")
        (func (export "many") (result i32)
            ;; a at 16, b at 20 and 24, c at 32, d at 40
            (i32.store (i32.const 16) (i32.const 9))
            (i32.store (i32.const 20) (i32.const 48))
            (i32.store (i32.const 24) (i32.const 3))
            (i64.store (i32.const 32) (i64.const 10))
            (i32.store8 (i32.const 40) (i32.const 11))
            (call $returned (call $many (i32.const 16) (i32.const 64)))
            (call $first))
        (func (export "nothing") (result i32)
            (call $returned (call $nothing))
            (i32.const 1)))
    (core instance $i (instantiate $m (with "" (instance
        (export "memory" (memory $libc "memory")) (export "few" (func $few'))
        (export "few-sync" (func $few-sync))
        (export "many" (func $many')) (export "nothing" (func $nothing'))))))
    (func (export "few") async (result u32) (canon lift (core func $i "few")))
    (func (export "few-sync") async (result u32) (canon lift (core func $i "few-sync")))
    (func (export "many") async (result u32) (canon lift (core func $i "many")))
    (func (export "nothing") async (result u32) (canon lift (core func $i "nothing")))
)"#;

fn few(a: u32, b: u64) -> String {
    assert_eq!((a, b), (7, 8));
    "few".to_owned()
}

fn many(a: u32, b: &str, c: u64, d: u8) -> String {
    assert_eq!((a, b, c, d), (9, "xyz", 10, 11));
    "many".to_owned()
}

type Many = (u32, String, u64, u8);

fn vals(params: &[Val]) -> Vec<Val> {
    match params {
        [Val::U32(a), Val::U64(b)] => vec![Val::String(few(*a, *b))],
        [Val::U32(a), Val::String(b), Val::U64(c), Val::U8(d)] => {
            vec![Val::String(many(*a, b, *c, *d))]
        }
        [] => vec![],
        other => panic!("{other:?}"),
    }
}

fn check(define: impl FnOnce(&mut Linker<()>)) {
    let names = ["few", "few-sync", "many", "nothing"];
    let results = results(TEXT, &names, define);
    let first = |name: &str| u32::from(name.as_bytes()[0]);
    assert_eq!(results, [first("few"), first("few"), first("many"), 1]);
}

fn results(text: &str, names: &[&str], define: impl FnOnce(&mut Linker<()>)) -> Vec<u32> {
    let engine = Engine::default();
    let component = Component::new(&engine, text).unwrap();
    let mut linker = Linker::new(&engine);
    define(&mut linker);
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let results = names.iter().map(|name| call(&mut store, &instance, name));
    results.collect()
}

fn call(store: &mut Store<()>, instance: &Instance, name: &str) -> u32 {
    let func = instance.get_typed_func::<(), (u32,)>(&mut *store, name);
    block_on(func.unwrap().call_async(store, ())).unwrap().0
}

#[test]
fn functions_that_return_at_once() {
    check(|linker| {
        let mut root = linker.root();
        root.func_wrap("few", |_, (a, b): (u32, u64)| Ok((few(a, b),)))
            .unwrap();
        root.func_wrap("many", |_, (a, b, c, d): Many| Ok((many(a, &b, c, d),)))
            .unwrap();
        root.func_wrap("nothing", |_, ()| Ok(())).unwrap();
    });
    check(|linker| {
        for name in ["few", "many", "nothing"] {
            let func = |_: threadline::StoreContextMut<'_, ()>, params: &[Val], out: &mut [Val]| {
                out.clone_from_slice(&vals(params));
                Ok(())
            };
            linker.root().func_new(name, func).unwrap();
        }
    });
}

#[test]
fn functions_that_everything_waits_for() {
    check(|linker| {
        let mut root = linker.root();
        root.func_wrap_async("few", |_, (a, b): (u32, u64)| {
            Box::new(async move {
                yields(2).await;
                Ok((few(a, b),))
            })
        })
        .unwrap();
        root.func_wrap_async("many", |_, (a, b, c, d): Many| {
            Box::new(async move {
                yields(2).await;
                Ok((many(a, &b, c, d),))
            })
        })
        .unwrap();
        root.func_wrap_async("nothing", |_, ()| Box::new(async { Ok(()) }))
            .unwrap();
    });
}

#[test]
fn concurrent_functions_whose_type_is_not_async() {
    let typed = results(SYNC, &["few"], |linker| {
        let few = |accessor: &'static Accessor<()>, (a, b): (u32, u64)| async move {
            yields(2).await;
            accessor.with(|_| ());
            Ok((few(a, b),))
        };
        linker.root().func_wrap_concurrent("few", few).unwrap();
    });
    let dynamic = results(SYNC, &["few"], |linker| {
        let few = |_: &_, params: Vec<Val>| async move {
            yields(1).await;
            Ok(vals(&params))
        };
        linker.root().func_new_concurrent("few", few).unwrap();
    });
    assert_eq!([typed, dynamic], [[102], [102]]);
}

#[test]
fn functions_that_are_not_async_are_called_concurrently_one_after_the_other() {
    let engine = Engine::default();
    let component = Component::new(&engine, SYNC).unwrap();
    let mut linker = Linker::new(&engine);
    linker
        .root()
        .func_wrap_async("few", |_, (a, b): (u32, u64)| {
            Box::new(async move {
                yields(2).await;
                Ok((few(a, b),))
            })
        })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let few = instance
        .get_typed_func::<(), (u32,)>(&mut store, "few")
        .unwrap();
    block_on(store.run_concurrent(|accessor| async move {
        let (first, second) = (
            few.call_concurrent(accessor, ()),
            few.call_concurrent(accessor, ()),
        );
        assert_eq!(
            (first.await.unwrap(), second.await.unwrap()),
            ((102,), (102,))
        );
    }))
    .unwrap();
}

/// `take` is lent a resource for as long as the call lasts; `early` drops it before that.
const BORROW: &str = r#"(component
    (import "thing" (type $thing (sub resource)))
    (import "make" (func $make (result (own $thing))))
    (import "take" (func $take async (param "thing" (borrow $thing)) (result u32)))
    (core module $libc (memory (export "memory") 1))
    (core instance $libc (instantiate $libc))
    (core func $make' (canon lower (func $make)))
    (core func $take' (canon lower (func $take) async (memory (core memory $libc "memory"))))
    (core func $drop (canon resource.drop $thing))
    (core func $set-new (canon waitable-set.new))
    (core func $wait (canon waitable-set.wait (memory (core memory $libc "memory"))))
    (core func $join (canon waitable.join))
    (core module $m
        (import "" "memory" (memory 1))
        (import "" "make" (func $make (result i32)))
        (import "" "take" (func $take (param i32 i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (import "" "set-new" (func $set-new (result i32)))
        (import "" "wait" (func $wait (param i32 i32) (result i32)))
        (import "" "join" (func $join (param i32 i32)))
        (func (export "late") (result i32)
            (local $thing i32) (local $set i32)
            (local.set $thing (call $make))
            (local.set $set (call $set-new))
            (call $join
                (i32.shr_u (call $take (local.get $thing) (i32.const 16)) (i32.const 4))
                (local.get $set))
            (drop (call $wait (local.get $set) (i32.const 0)))
            (call $drop (local.get $thing))
            (i32.load (i32.const 16)))
        (func (export "early") (result i32)
            (local $thing i32)
            (local.set $thing (call $make))
            (drop (call $take (local.get $thing) (i32.const 16)))
            (call $drop (local.get $thing))
            (i32.const 0)))
    (core instance $i (instantiate $m (with "" (instance
        (export "memory" (memory $libc "memory")) (export "make" (func $make'))
        (export "take" (func $take')) (export "drop" (func $drop))
        (export "set-new" (func $set-new)) (export "wait" (func $wait))
        (export "join" (func $join))))))
    (func (export "late") async (result u32) (canon lift (core func $i "late")))
    (func (export "early") async (result u32) (canon lift (core func $i "early")))
)"#;

#[test]
fn what_is_borrowed_is_lent_until_the_call_is_over() {
    struct Thing;
    let engine = Engine::default();
    let component = Component::new(&engine, BORROW).unwrap();
    let mut linker = Linker::<u32>::new(&engine);
    let mut root = linker.root();
    let dropped = |mut store: threadline::StoreContextMut<'_, u32>, _| {
        *store.data_mut() += 1;
        Ok(())
    };
    root.resource("thing", ResourceType::host::<Thing>(), dropped)
        .unwrap();
    root.func_wrap("make", |_, ()| Ok((Resource::<Thing>::new_own(7),)))
        .unwrap();
    root.func_wrap_concurrent(
        "take",
        |accessor, (thing,): (Resource<Thing>,)| async move {
            yields(3).await;
            accessor.with(|mut store| assert_eq!(*store.data_mut(), 0));
            Ok((thing.rep(),))
        },
    )
    .unwrap();
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let mut call = |name: &str| {
        let func = instance.get_typed_func::<(), (u32,)>(&mut store, name);
        let result = block_on(func.unwrap().call_async(&mut store, ()));
        (result, *store.data())
    };
    let (late, dropped) = call("late");
    assert_eq!((late.unwrap(), dropped), ((7,), 1));
    let (early, dropped) = call("early");
    let error = format!("{:#}", early.unwrap_err());
    assert!(
        error.contains("lent") || error.contains("borrow"),
        "{error}"
    );
    assert_eq!(dropped, 1);
}

#[test]
fn concurrent_functions_that_are_ready() {
    check(|linker| {
        let mut root = linker.root();
        let shared = Arc::new(());
        root.func_wrap_concurrent("few", move |accessor, (a, b): (u32, u64)| {
            let shared = shared.clone();
            async move {
                accessor.with(|_| drop(shared));
                Ok((few(a, b),))
            }
        })
        .unwrap();
        root.func_wrap_concurrent("many", |_, (a, b, c, d): Many| async move {
            Ok((many(a, &b, c, d),))
        })
        .unwrap();
        root.func_wrap_concurrent("nothing", |_, ()| async { Ok(()) })
            .unwrap();
    });
    check(|linker| {
        for name in ["few", "many", "nothing"] {
            let func = |_: &_, params: Vec<Val>| async move { Ok(vals(&params)) };
            linker.root().func_new_concurrent(name, func).unwrap();
        }
    });
}

#[test]
fn results_of_a_concurrent_function_are_checked() {
    let engine = Engine::default();
    let component = Component::new(&engine, TEXT).unwrap();
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_traps(&component).unwrap();
    let mut store = Store::new(&engine, ());
    linker.allow_shadowing(true);
    for (results, message) in [
        (vec![], "the function has 1 results, but 0 were given"),
        (vec![Val::U8(1)], "the result of a host function"),
    ] {
        let func = move |_: &_, _| {
            let results = results.clone();
            async move { Ok(results) }
        };
        linker.root().func_new_concurrent("few", func).unwrap();
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let few = instance.get_typed_func::<(), (u32,)>(&mut store, "few");
        let error = block_on(few.unwrap().call_async(&mut store, ())).unwrap_err();
        assert!(format!("{error:#}").contains(message), "{error:#}");
    }
}

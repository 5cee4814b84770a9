//! Panics of host functions at every place where a guest can call one.

use super::engines;
use anyhow::Result;
use std::panic::{AssertUnwindSafe, catch_unwind};
use threadline::component::{self, Component};
use threadline::{Caller, Linker, Module, Store, StoreContextMut, Trap};

/// The payload of the panic that `run` ends with.
#[track_caller]
fn payload<R>(run: impl FnOnce() -> R) -> &'static str {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(_) => panic!("it doesn't panic"),
        Err(payload) => payload.downcast_ref::<&str>().expect("a literal"),
    }
}

#[test]
fn in_core_wasm() -> Result<()> {
    let text = r#"(module
        (import "host" "panic" (func $panic (param i32)))
        (table 1 funcref)
        (elem (i32.const 0) $panic)
        (func $direct (export "direct") (param i32) (call $panic (local.get 0)))
        (func (export "deep") (param i32) (call $direct (local.get 0)))
        (func (export "through-table") (param i32)
            (call_indirect (param i32) (local.get 0) (i32.const 0)))
        (export "itself" (func $panic)))"#;
    fn host(mut caller: Caller<'_, u32>, how: i32) {
        match how {
            0 => *caller.data_mut() += 1,
            1 => panic!("at once"),
            _ => {
                // Through the guest again, with something to drop on the way.
                let _dropped = String::from("not leaked");
                let func = caller.get_export("deep").and_then(|e| e.into_func());
                let func = func.expect("an export").typed::<i32, ()>(&mut caller);
                let result = func.expect("the type").call(&mut caller, how - 1);
                result.expect("it panics before");
            }
        }
    }
    for engine in engines() {
        let module = Module::new(&engine, text)?;
        let mut linker = Linker::new(&engine);
        linker.func_wrap("host", "panic", host)?;
        let mut store = Store::new(&engine, 0);
        let instance = linker.instantiate(&mut store, &module)?;
        for round in 0..20 {
            for name in ["direct", "deep", "through-table", "itself"] {
                let func = instance.get_typed_func::<i32, ()>(&mut store, name)?;
                // A host function called by the host has no instance to go through.
                let depth = if name == "itself" { 1 } else { 1 + round };
                assert_eq!(payload(|| func.call(&mut store, depth)), "at once");
                func.call(&mut store, 0)?;
            }
        }
        assert_eq!(*store.data(), 80);
    }
    Ok(())
}

#[test]
fn in_a_start_function() -> Result<()> {
    let text = r#"(module (import "" "f" (func $f)) (start $f))"#;
    for engine in engines() {
        let module = Module::new(&engine, text)?;
        let mut linker = Linker::new(&engine);
        linker.func_wrap("", "f", || -> () { panic!("in start") })?;
        let mut store = Store::new(&engine, ());
        for _ in 0..3 {
            let run = || linker.instantiate(&mut store, &module).map(drop);
            assert_eq!(payload(run), "in start");
        }
    }
    Ok(())
}

#[test]
fn a_caught_panic_leaves_the_guest_below_as_it_was() -> Result<()> {
    let text = r#"(module
        (import "" "f" (func $f (param i32) (result i32)))
        (func (export "g") (param i32) (result i32)
            (i32.add (call $f (local.get 0)) (i32.const 1))))"#;
    fn f(mut caller: Caller<'_, ()>, depth: i32) -> Result<i32> {
        if depth == 0 {
            panic!("at the bottom");
        }
        let g = caller.get_export("g").and_then(|e| e.into_func());
        let g = g.expect("an export").typed::<i32, i32>(&mut caller)?;
        let inner = catch_unwind(AssertUnwindSafe(|| g.call(&mut caller, depth - 1)));
        match inner {
            Ok(result) => result,
            Err(payload) => {
                assert_eq!(payload.downcast_ref(), Some(&"at the bottom"));
                // The store is good for another call at once.
                Ok(100)
            }
        }
    }
    for engine in engines() {
        let module = Module::new(&engine, text)?;
        let mut linker = Linker::new(&engine);
        linker.func_wrap("", "f", f)?;
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module)?;
        let g = instance.get_typed_func::<i32, i32>(&mut store, "g")?;
        for depth in 1..10 {
            assert_eq!(g.call(&mut store, depth)?, 100 + depth);
        }
    }
    Ok(())
}

/// Guests that call the host wherever they get to run.
const COMPONENT: &str = r#"(component
    (import "host" (func $host (param "where" u32) (result string)))
    (core module $libc
        (memory (export "memory") 1)
        (table (export "table") 1 1 funcref)
        (type $host (func (param i32 i32)))
        (global $in-realloc (export "in-realloc") (mut i32) (i32.const 0))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (if (global.get $in-realloc)
                (then (call_indirect (type $host) (i32.const 2) (i32.const 64) (i32.const 0))))
            (i32.const 1024)))
    (core instance $libc (instantiate $libc))
    (core func $host' (canon lower (func $host)
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core module $m
        (import "" "host" (func $host (param i32 i32)))
        (import "libc" "in-realloc" (global $in-realloc (mut i32)))
        (import "libc" "table" (table 1 1 funcref))
        (elem (i32.const 0) $host)
        (func (export "call") (param i32) (call $host (local.get 0) (i32.const 64)))
        (func (export "take") (param i32 i32) (global.set $in-realloc (i32.const 0)))
        (func (export "arm") (global.set $in-realloc (i32.const 1)))
        (func (export "give") (result i32) (i32.const 128))
        (func (export "post") (param i32) (call $host (i32.const 3) (i32.const 64))))
    (core instance $i (instantiate $m
        (with "" (instance (export "host" (func $host'))))
        (with "libc" (instance $libc))))
    (func (export "call") (param "where" u32) (canon lift (core func $i "call")))
    (func (export "arm") (canon lift (core func $i "arm")))
    (func (export "take") (param "s" string) (canon lift (core func $i "take")
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (func (export "give") (result string) (canon lift (core func $i "give")
        (memory (core memory $libc "memory")) (post-return (core func $i "post")))))"#;

#[test]
fn in_components() -> Result<()> {
    fn host(_: StoreContextMut<'_, ()>, (place,): (u32,)) -> Result<(String,)> {
        match place {
            0 => Ok((String::from("fine"),)),
            1 => panic!("called"),
            _ => panic!("the host is not called where the guest may not leave"),
        }
    }
    for engine in engines() {
        let component = Component::new(&engine, COMPONENT)?;
        let mut linker = component::Linker::new(&engine);
        linker.root().func_wrap("host", host)?;
        let mut store = Store::new(&engine, ());
        let fresh = |store: &mut Store<()>| linker.instantiate(store, &component);

        let instance = fresh(&mut store)?;
        let call = instance.get_typed_func::<(u32,), ()>(&mut store, "call")?;
        call.call(&mut store, (0,))?;
        assert_eq!(payload(|| call.call(&mut store, (1,))), "called");
        let error = call.call(&mut store, (0,)).expect_err("locked");
        assert_eq!(error.downcast_ref(), Some(&Trap::CannotEnterComponent));

        // From `realloc`, whoever it is called for, and from `post-return`, nobody can be called.
        let instance = fresh(&mut store)?;
        let arm = instance.get_typed_func::<(), ()>(&mut store, "arm")?;
        arm.call(&mut store, ())?;
        let take = instance.get_typed_func::<(&str,), ()>(&mut store, "take")?;
        let error = take.call(&mut store, ("x",)).expect_err("it traps");
        assert_eq!(error.downcast_ref(), Some(&Trap::CannotLeaveComponent));

        let instance = fresh(&mut store)?;
        let arm = instance.get_typed_func::<(), ()>(&mut store, "arm")?;
        arm.call(&mut store, ())?;
        let call = instance.get_typed_func::<(u32,), ()>(&mut store, "call")?;
        let error = call.call(&mut store, (0,)).expect_err("it traps");
        assert_eq!(error.downcast_ref(), Some(&Trap::CannotLeaveComponent));

        let instance = fresh(&mut store)?;
        let give = instance.get_typed_func::<(), (String,)>(&mut store, "give")?;
        let error = give.call(&mut store, ()).expect_err("it traps");
        assert_eq!(error.downcast_ref(), Some(&Trap::CannotLeaveComponent));
    }
    Ok(())
}

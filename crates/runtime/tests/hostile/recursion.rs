//! Guests that call without end: the stack they are given runs out, the host's does not.

use super::{engines, trap};
use anyhow::Result;
use std::thread;
use threadline::component::{self, Component};
use threadline::{Caller, Config, Engine, Instance, Linker, Module, Store, StoreContextMut, Trap};

const CORE: &str = r#"(module
    (import "host" "again" (func $again))
    (type $t (func))
    (table 2 funcref)
    (elem (i32.const 0) $through-table $through-host)
    (func $direct (export "direct") (call $direct))
    (func $even (export "mutual") (call $odd))
    (func $odd (call $even))
    (func $through-table (export "through-table")
        (call_indirect (type $t) (i32.const 0)))
    (func $through-host (export "through-host") (call $again))
    (func $results (export "results") (param i64) (result i64 i64 i64 i64 i64 i64 i64 i64 i64)
        (call $results (i64.add (local.get 0) (i64.const 1)))
        drop
        (local.get 0))
    (func $wide (export "wide") (param v128 v128 v128 v128) (result v128)
        (i8x16.add
            (call $wide (local.get 1) (local.get 2) (local.get 3) (local.get 0))
            (local.get 0)))
    (func (export "fine") (result i32) (i32.const 7)))"#;

fn again(mut caller: Caller<'_, ()>) -> Result<()> {
    let func = caller
        .get_export("through-host")
        .and_then(|e| e.into_func());
    func.expect("an export").call(&mut caller, &[], &mut [])
}

fn instantiate(engine: &Engine) -> Result<(Store<()>, Instance)> {
    let module = Module::new(engine, CORE)?;
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "again", again)?;
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    Ok((store, instance))
}

fn every_way(engine: &Engine) -> Result<()> {
    let (mut store, instance) = instantiate(engine)?;
    let fine = instance.get_typed_func::<(), i32>(&mut store, "fine")?;
    for name in ["direct", "mutual", "through-table", "through-host"] {
        let func = instance.get_typed_func::<(), ()>(&mut store, name)?;
        for _ in 0..3 {
            assert_eq!(
                trap(func.call(&mut store, ())),
                Trap::StackOverflow,
                "{name}"
            );
            assert_eq!(fine.call(&mut store, ())?, 7);
        }
    }
    for name in ["results", "wide"] {
        let func = instance.get_func(&mut store, name).expect("an export");
        let ty = func.ty(&store);
        let zero = |&ty| threadline::Val::default_for_ty(ty).expect("a number");
        let params: Vec<_> = ty.params().iter().map(zero).collect();
        let mut results: Vec<_> = ty.results().iter().map(zero).collect();
        let result = func.call(&mut store, &params, &mut results);
        assert_eq!(trap(result), Trap::StackOverflow, "{name}");
    }
    Ok(())
}

#[test]
fn recursion_without_end_is_a_trap() -> Result<()> {
    engines().try_for_each(|engine| every_way(&engine))
}

#[test]
fn recursion_without_end_is_a_trap_on_a_small_stack() -> Result<()> {
    for engine in engines() {
        let small = thread::Builder::new().stack_size(256 << 10);
        let thread = small.spawn(move || every_way(&engine))?;
        thread.join().expect("no panic")?;
    }
    Ok(())
}

#[test]
fn a_share_of_the_stack_larger_than_the_stack_is_cut() -> Result<()> {
    let engine = Engine::new(Config::new().max_wasm_stack(usize::MAX))?;
    thread::spawn(move || every_way(&engine))
        .join()
        .expect("no panic")
}

#[test]
fn a_thread_without_room_for_the_host_runs_no_wasm() -> Result<()> {
    let engine = Engine::default();
    let (mut store, instance) = instantiate(&engine)?;
    let tiny = thread::Builder::new().stack_size(64 << 10);
    let thread = tiny.spawn(move || {
        let fine = instance.get_typed_func::<(), i32>(&mut store, "fine")?;
        anyhow::Ok(trap(fine.call(&mut store, ())))
    })?;
    assert_eq!(thread.join().expect("no panic")?, Trap::StackOverflow);
    Ok(())
}

#[test]
fn frames_of_many_locals_do_not_step_over_the_end() -> Result<()> {
    // A frame larger than any guard: the check in the prologue must see it.
    let locals = "i64 ".repeat(2_000);
    let uses: String = (0..2_000)
        .map(|i| format!("(local.set {i} (i64.load (i32.const {})))\n", i * 8))
        .collect();
    let sums: String = (0..2_000)
        .map(|i| format!("(i64.store (i32.const {}) (local.get {i}))\n", i * 8))
        .collect();
    let text = format!(
        r#"(module (memory 1) (func $f (export "f") (local {locals}) {uses} (call $f) {sums}))"#
    );
    let engine = Engine::new(Config::new().cranelift_opt_level(threadline::OptLevel::None))?;
    let module = Module::new(&engine, text)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let f = instance.get_typed_func::<(), ()>(&mut store, "f")?;
    assert_eq!(trap(f.call(&mut store, ())), Trap::StackOverflow);
    Ok(())
}

#[test]
fn a_start_function_without_end_is_a_trap() -> Result<()> {
    let text = "(module (func $f (call $f)) (start $f))";
    for engine in engines() {
        let module = Module::new(&engine, text)?;
        let mut store = Store::new(&engine, ());
        let result = Instance::new(&mut store, &module, &[]);
        assert_eq!(trap(result), Trap::StackOverflow);
        let inside = format!(
            "(component (core {} (core instance (instantiate 0)))",
            &text[1..]
        );
        let component = Component::new(&engine, inside)?;
        let result = component::Linker::new(&engine).instantiate(&mut store, &component);
        assert_eq!(trap(result), Trap::StackOverflow);
    }
    Ok(())
}

/// A component whose `realloc` and `post-return` never end, and one that calls itself through the
/// host.
const COMPONENT: &str = r#"(component
    (import "again" (func $again))
    (core func $again' (canon lower (func $again)))
    (core module $m
        (import "" "again" (func $again))
        (memory (export "memory") 1)
        (func $realloc (export "realloc") (param i32 i32 i32 i32) (result i32)
            (call $realloc (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
        (func (export "take") (param i32 i32))
        (func (export "give") (result i32) (i32.const 0))
        (func $post (export "post") (param i32) (call $post (local.get 0)))
        (func (export "through-host") (call $again)))
    (core instance $i (instantiate $m (with "" (instance (export "again" (func $again'))))))
    (func (export "take") (param "s" string) (canon lift (core func $i "take")
        (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
    (func (export "give") (result string) (canon lift (core func $i "give")
        (memory (core memory $i "memory")) (post-return (core func $i "post"))))
    (func (export "through-host") (canon lift (core func $i "through-host"))))"#;

#[test]
fn calls_that_lifting_and_lowering_make_may_not_go_on_without_end() -> Result<()> {
    type Data = Option<component::Instance>;
    for engine in engines() {
        let component = Component::new(&engine, COMPONENT)?;
        let mut linker = component::Linker::<Data>::new(&engine);
        let again = |mut store: StoreContextMut<'_, Data>, (): ()| {
            let instance = store.data().expect("it is running");
            let func = instance.get_typed_func::<(), ()>(&mut store, "through-host")?;
            func.call(&mut store, ())
        };
        linker.root().func_wrap("again", again)?;
        let mut store = Store::new(&engine, None);
        let fresh = |store: &mut Store<Data>| {
            let instance = linker.instantiate(&mut *store, &component)?;
            *store.data_mut() = Some(instance);
            anyhow::Ok(instance)
        };
        let instance = fresh(&mut store)?;
        let take = instance.get_typed_func::<(&str,), ()>(&mut store, "take")?;
        assert_eq!(trap(take.call(&mut store, ("x",))), Trap::StackOverflow);
        let instance = fresh(&mut store)?;
        let give = instance.get_typed_func::<(), (String,)>(&mut store, "give")?;
        assert_eq!(trap(give.call(&mut store, ())), Trap::StackOverflow);
        let instance = fresh(&mut store)?;
        let through = instance.get_typed_func::<(), ()>(&mut store, "through-host")?;
        assert_eq!(trap(through.call(&mut store, ())), Trap::StackOverflow);
        // The failures were theirs alone.
        let instance = fresh(&mut store)?;
        let take = instance.get_typed_func::<(&str,), ()>(&mut store, "take")?;
        assert_eq!(trap(take.call(&mut store, ("",))), Trap::StackOverflow);
    }
    Ok(())
}

//! Context slots at every border that the host takes part in, under each lowering: a new thread
//! starts with zeros, and its caller's slots come back.

use threadline::component::{Component, Instance, Linker, Val};
use threadline::{Config, ContextLowering, Engine, Store, StoreContextMut};

/// What the host functions of these tests know.
#[derive(Default)]
struct Host {
    instance: Option<Instance>,
    reentered: Vec<u32>,
}

/// Runs a test under every lowering.
fn under_every_lowering(test: impl Fn(&Engine)) {
    for lowering in ContextLowering::ALL {
        let mut config = Config::new();
        config.context_lowering(lowering);
        let engine = Engine::new(&config).expect("a supported host");
        eprintln!("lowering: {lowering}");
        test(&engine);
    }
}

/// A component around a core module that has `get` and `set` for slot 0, and `get1` and `set1`
/// for slot 1.
fn with_slots(imports: &str, core_imports: &str, core: &str, exports: &str) -> String {
    format!(
        r#"(component
            {imports}
            (core func $get (canon context.get i32 0))
            (core func $set (canon context.set i32 0))
            (core func $get1 (canon context.get i32 1))
            (core func $set1 (canon context.set i32 1))
            (core module $m
                (import "" "get" (func $get (result i32)))
                (import "" "set" (func $set (param i32)))
                (import "" "get1" (func $get1 (result i32)))
                (import "" "set1" (func $set1 (param i32)))
                {core}
            )
            (core instance $i (instantiate $m (with "" (instance
                (export "get" (func $get))
                (export "set" (func $set))
                (export "get1" (func $get1))
                (export "set1" (func $set1))
                {core_imports}
            ))))
            {exports}
        )"#
    )
}

fn instantiate(engine: &Engine, text: &str, linker: &Linker<Host>) -> (Store<Host>, Instance) {
    let component = Component::new(engine, text).expect("a valid component");
    let mut store = Store::new(engine, Host::default());
    let instance = linker
        .instantiate(&mut store, &component)
        .expect("it can be instantiated");
    store.data_mut().instance = Some(instance);
    (store, instance)
}

fn call_u32(store: &mut Store<Host>, instance: Instance, name: &str) -> u32 {
    let func = instance
        .get_typed_func::<(), (u32,)>(&mut *store, name)
        .expect("an export");
    func.call(store, ()).expect("no trap").0
}

#[test]
fn each_call_from_the_host_starts_with_zeros() {
    let text = with_slots(
        "",
        "",
        r#"(func (export "f") (result i32)
            (local $before i32)
            (local.set $before (i32.or (call $get) (call $get1)))
            (call $set (i32.const 17))
            (call $set1 (i32.const -1))
            (local.get $before))"#,
        r#"(func (export "f") (result u32) (canon lift (core func $i "f")))"#,
    );
    under_every_lowering(|engine| {
        let (mut store, instance) = instantiate(engine, &text, &Linker::new(engine));
        for _ in 0..3 {
            assert_eq!(call_u32(&mut store, instance, "f"), 0);
        }
    });
}

#[test]
fn the_slots_of_a_guest_survive_a_call_of_the_host_and_back() {
    let text = with_slots(
        r#"(import "reenter" (func $reenter))
           (core func $reenter' (canon lower (func $reenter)))"#,
        r#"(export "reenter" (func $reenter'))"#,
        r#"(import "" "reenter" (func $reenter))
           (func (export "outer") (result i32)
                (call $set (i32.const 1000))
                (call $set1 (i32.const 77))
                (call $reenter)
                (i32.add (call $get)
                    (i32.eq (call $get1) (i32.const 77))))
           (func (export "inner") (result i32)
                (local $before i32)
                (local.set $before (i32.or (call $get) (call $get1)))
                (call $set (i32.const 5))
                (call $set1 (i32.const 6))
                (local.get $before))"#,
        r#"(func (export "outer") (result u32) (canon lift (core func $i "outer")))
           (func (export "inner") (result u32) (canon lift (core func $i "inner")))"#,
    );
    under_every_lowering(|engine| {
        let mut linker = Linker::new(engine);
        linker
            .root()
            .func_wrap("reenter", |mut store: StoreContextMut<'_, Host>, ()| {
                let instance = store.data().instance.expect("it was instantiated");
                let inner = instance.get_typed_func::<(), (u32,)>(&mut store, "inner")?;
                let (before,) = inner.call(&mut store, ())?;
                store.data_mut().reentered.push(before);
                Ok(())
            })
            .expect("a new name");
        let (mut store, instance) = instantiate(engine, &text, &linker);
        assert_eq!(call_u32(&mut store, instance, "outer"), 1001);
        assert_eq!(store.data().reentered, [0], "what the inner call saw");
    });
}

#[test]
fn slots_come_back_when_the_inner_call_traps() {
    let text = with_slots(
        r#"(import "try" (func $try))
           (core func $try' (canon lower (func $try)))"#,
        r#"(export "try" (func $try'))"#,
        r#"(import "" "try" (func $try))
           (func (export "outer") (result i32)
                (call $set (i32.const 42))
                (call $try)
                (call $get))"#,
        r#"(func (export "outer") (result u32) (canon lift (core func $i "outer")))"#,
    );
    let victim = with_slots(
        "",
        "",
        r#"(func (export "trap") (call $set (i32.const 666)) (unreachable))"#,
        r#"(func (export "trap") (canon lift (core func $i "trap")))"#,
    );
    under_every_lowering(|engine| {
        let mut linker = Linker::new(engine);
        linker
            .root()
            .func_wrap("try", |mut store: StoreContextMut<'_, Host>, ()| {
                let victim = store.data().instance.expect("it was instantiated");
                let trap = victim.get_typed_func::<(), ()>(&mut store, "trap")?;
                trap.call(&mut store, ()).expect_err("it traps");
                Ok(())
            })
            .expect("a new name");
        let (mut store, instance) = instantiate(engine, &text, &linker);
        let victim = Component::new(engine, &victim).expect("a valid component");
        let victim = linker.instantiate(&mut store, &victim).expect("no imports");
        store.data_mut().instance = Some(victim);
        assert_eq!(call_u32(&mut store, instance, "outer"), 42);
    });
}

/// The `realloc` returns 256 if its slots are zero, and clobbers them.
const REALLOC: &str = r#"
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (if (call $get) (then unreachable))
        (if (call $get1) (then unreachable))
        (call $set (i32.const 77))
        (call $set1 (i32.const 78))
        (i32.const 256))"#;

#[test]
fn realloc_for_parameters_is_a_thread_of_its_own() {
    let core = format!(
        r#"{REALLOC}
        (func (export "f") (param i32 i32 i32 i32) (result i32)
            (i32.or (call $get) (call $get1)))"#
    );
    let text = with_slots(
        "",
        "",
        &core,
        r#"(func (export "f") (param "a" string) (param "b" (list u8)) (result u32)
            (canon lift (core func $i "f") (memory (core memory $i "memory"))
                (realloc (core func $i "realloc"))))"#,
    );
    under_every_lowering(|engine| {
        let (mut store, instance) = instantiate(engine, &text, &Linker::new(engine));
        let f = instance
            .get_typed_func::<(&str, &[u8]), (u32,)>(&mut store, "f")
            .expect("an export");
        let (leaked,) = f.call(&mut store, ("one", &[2])).expect("zeros in realloc");
        assert_eq!(leaked, 0, "nothing leaks to the callee proper");
    });
}

#[test]
fn realloc_for_a_host_functions_result_leaves_the_callers_slots_alone() {
    // The memory and the `realloc` that the lowering needs come before the instance that calls
    // it.
    let text = r#"(component
        (import "name" (func $name (result string)))
        (core func $get (canon context.get i32 0))
        (core func $set (canon context.set i32 0))
        (core module $allocator
            (import "" "get" (func $get (result i32)))
            (import "" "set" (func $set (param i32)))
            (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                (if (call $get) (then unreachable))
                (call $set (i32.const 77))
                (i32.const 256))
        )
        (core instance $a (instantiate $allocator (with "" (instance
            (export "get" (func $get))
            (export "set" (func $set))))))
        (core func $name' (canon lower (func $name)
            (memory (core memory $a "memory")) (realloc (core func $a "realloc"))))
        (core module $m
            (import "" "get" (func $get (result i32)))
            (import "" "set" (func $set (param i32)))
            (import "" "name" (func $name (param i32)))
            (import "" "memory" (memory 1))
            (func (export "f") (result i32)
                (call $set (i32.const 9000))
                (call $name (i32.const 16))
                ;; the slot, and the length of the string
                (i32.add (call $get) (i32.load (i32.const 20))))
        )
        (core instance $i (instantiate $m (with "" (instance
            (export "get" (func $get))
            (export "set" (func $set))
            (export "name" (func $name'))
            (export "memory" (memory $a "memory"))))))
        (func (export "f") (result u32) (canon lift (core func $i "f")))
    )"#;
    under_every_lowering(|engine| {
        let mut linker = Linker::new(engine);
        linker
            .root()
            .func_wrap("name", |_, ()| Ok(("seven b".to_owned(),)))
            .expect("a new name");
        let (mut store, instance) = instantiate(engine, text, &linker);
        assert_eq!(call_u32(&mut store, instance, "f"), 9007);
    });
}

#[test]
fn post_return_runs_on_the_thread_of_its_call() {
    let text = with_slots(
        "",
        "",
        r#"(global $seen (mut i32) (i32.const 0))
           (func (export "f") (result i32) (call $set (i32.const 42)) (i32.const 7))
           (func (export "post") (param i32)
                (global.set $seen (i32.add (call $get) (local.get 0)))
                (call $set (i32.const 99)))
           (func (export "seen") (result i32)
                (if (call $get) (then unreachable))
                (global.get $seen))"#,
        r#"(func (export "f") (result u32)
                (canon lift (core func $i "f") (post-return (core func $i "post"))))
           (func (export "seen") (result u32) (canon lift (core func $i "seen")))"#,
    );
    under_every_lowering(|engine| {
        let (mut store, instance) = instantiate(engine, &text, &Linker::new(engine));
        assert_eq!(call_u32(&mut store, instance, "f"), 7);
        assert_eq!(call_u32(&mut store, instance, "seen"), 42 + 7);
        let f = instance.get_func(&mut store, "f").expect("an export");
        let mut results = [Val::Bool(false)];
        f.call(&mut store, &[], &mut results).expect("no trap");
        assert_eq!(call_u32(&mut store, instance, "seen"), 42 + 7);
    });
}

#[test]
fn a_start_function_is_a_thread_of_its_own() {
    let text = with_slots(
        r#"(import "spawn" (func $spawn))
           (core func $spawn' (canon lower (func $spawn)))"#,
        r#"(export "spawn" (func $spawn'))"#,
        r#"(import "" "spawn" (func $spawn))
           (func (export "f") (result i32)
                (call $set (i32.const 3))
                (call $spawn)
                (call $get))"#,
        r#"(func (export "f") (result u32) (canon lift (core func $i "f")))"#,
    );
    let started = with_slots(
        "",
        "",
        r#"(global $seen (mut i32) (i32.const 0))
           (func $start
                (global.set $seen (i32.add (call $get) (i32.const 100)))
                (call $set (i32.const 55)))
           (start $start)
           (func (export "seen") (result i32)
                (if (call $get) (then unreachable))
                (global.get $seen))"#,
        r#"(func (export "seen") (result u32) (canon lift (core func $i "seen")))"#,
    );
    under_every_lowering(|engine| {
        let started = Component::new(engine, &started).expect("a valid component");
        let mut linker = Linker::new(engine);
        let nothing = Linker::<Host>::new(engine);
        linker
            .root()
            .func_wrap("spawn", move |mut store: StoreContextMut<'_, Host>, ()| {
                let instance = nothing.instantiate(&mut store, &started)?;
                let seen = instance.get_typed_func::<(), (u32,)>(&mut store, "seen")?;
                let (seen,) = seen.call(&mut store, ())?;
                store.data_mut().reentered.push(seen);
                Ok(())
            })
            .expect("a new name");
        let (mut store, instance) = instantiate(engine, &text, &linker);
        assert_eq!(call_u32(&mut store, instance, "f"), 3);
        assert_eq!(store.data().reentered, [100], "the start function saw zero");
    });
}

#[test]
fn slots_of_64_bits_are_saved_whole() {
    let text = r#"(component
        (import "reenter" (func $reenter))
        (core func $reenter' (canon lower (func $reenter)))
        (core func $get (canon context.get i64 1))
        (core func $set (canon context.set i64 1))
        (core module $m
            (import "" "get" (func $get (result i64)))
            (import "" "set" (func $set (param i64)))
            (import "" "reenter" (func $reenter))
            (func (export "outer") (result i64)
                (call $set (i64.const 0x1234_5678_9abc_def0))
                (call $reenter)
                (call $get))
            (func (export "inner") (result i32)
                (i64.ne (call $get) (i64.const 0))
                (call $set (i64.const -1)))
        )
        (core instance $i (instantiate $m (with "" (instance
            (export "get" (func $get))
            (export "set" (func $set))
            (export "reenter" (func $reenter'))))))
        (func (export "outer") (result u64) (canon lift (core func $i "outer")))
        (func (export "inner") (result u32) (canon lift (core func $i "inner")))
    )"#;
    under_every_lowering(|engine| {
        let mut linker = Linker::new(engine);
        linker
            .root()
            .func_wrap("reenter", |mut store: StoreContextMut<'_, Host>, ()| {
                let instance = store.data().instance.expect("it was instantiated");
                let inner = instance.get_typed_func::<(), (u32,)>(&mut store, "inner")?;
                assert_eq!(inner.call(&mut store, ())?, (0,), "zeros at first");
                Ok(())
            })
            .expect("a new name");
        let (mut store, instance) = instantiate(engine, text, &linker);
        let outer = instance
            .get_typed_func::<(), (u64,)>(&mut store, "outer")
            .expect("an export");
        let (slot,) = outer.call(&mut store, ()).expect("no trap");
        assert_eq!(slot, 0x1234_5678_9abc_def0);
    });
}

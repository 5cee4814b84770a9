//! Fuel, epochs and canonical NaNs.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(missing_docs, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use threadline::{
    AsContextMut as _, Caller, Config, ContextLowering, Engine, Instance, Linker, Module, OptLevel,
    Store, StoreLimitsBuilder, Trap, UpdateDeadline, Val,
};

fn fuel_engine() -> Engine {
    Engine::new(Config::new().consume_fuel(true)).unwrap()
}

fn epoch_engine() -> Engine {
    Engine::new(Config::new().epoch_interruption(true)).unwrap()
}

fn instance<T: 'static>(store: &mut Store<T>, wat: &str) -> Instance {
    let module = Module::new(store.engine(), wat).unwrap();
    Linker::new(store.engine())
        .instantiate(store, &module)
        .unwrap()
}

fn run<T: 'static>(store: &mut Store<T>, instance: &Instance, name: &str) -> anyhow::Result<()> {
    let func = instance.get_typed_func::<(), ()>(&mut *store, name)?;
    func.call(store, ())
}

#[track_caller]
fn assert_trap(result: anyhow::Result<()>, expected: Trap) {
    let error = result.unwrap_err();
    assert_eq!(error.downcast_ref::<Trap>(), Some(&expected), "{error:?}");
}

const ENDLESS: &str = r#"(module
    (func (export "loop") (loop (br 0)))
    (func $recurse (export "recurse") (call $other))
    (func $other (call $recurse))
    (func (export "nothing")))"#;

#[test]
fn a_loop_ends_when_fuel_does() {
    let mut store = Store::new(&fuel_engine(), ());
    let instance = instance(&mut store, ENDLESS);
    store.set_fuel(10_000).unwrap();
    let error = run(&mut store, &instance, "loop").unwrap_err();
    assert!(format!("{error:?}").contains("all fuel consumed by WebAssembly"));
    assert_trap(Err(error), Trap::OutOfFuel);
    assert_eq!(store.get_fuel().unwrap(), 0);
    store.set_fuel(100).unwrap();
    run(&mut store, &instance, "nothing").unwrap();
}

#[test]
fn recursion_ends_when_fuel_does() {
    let mut store = Store::new(&fuel_engine(), ());
    let instance = instance(&mut store, ENDLESS);
    store.set_fuel(100).unwrap();
    assert_trap(run(&mut store, &instance, "recurse"), Trap::OutOfFuel);
}

#[test]
fn a_store_without_fuel_runs_nothing() {
    let mut store = Store::new(&fuel_engine(), ());
    let instance = instance(&mut store, ENDLESS);
    assert_trap(run(&mut store, &instance, "nothing"), Trap::OutOfFuel);
    store.set_fuel(1).unwrap();
    run(&mut store, &instance, "nothing").unwrap();
    assert_eq!(store.get_fuel().unwrap(), 0);
}

#[test]
fn each_operator_costs_a_unit_and_each_function_another() {
    let mut store = Store::new(&fuel_engine(), ());
    let instance = instance(
        &mut store,
        r#"(module
            (func $leaf (drop (i32.const 1)))
            (func (export "calls") (call $leaf) (call $leaf))
            (func (export "counts") (local $i i32)
                (local.set $i (i32.const 10))
                (loop
                    (br_if 0 (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))))"#,
    );
    for (name, cost) in [("calls", 1 + 2 * (1 + 1 + 1)), ("counts", 1 + 2 + 10 * 5)] {
        store.set_fuel(1000).unwrap();
        run(&mut store, &instance, name).unwrap();
        assert_eq!(1000 - store.get_fuel().unwrap(), cost, "{name}");
    }
}

#[test]
fn bulk_operators_cost_what_they_move_and_are_not_begun_without() {
    let mut store = Store::new(&fuel_engine(), ());
    let instance = instance(
        &mut store,
        r#"(module
            (memory (export "memory") 2)
            (func (export "fill")
                (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536))))"#,
    );
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    store.set_fuel(8000).unwrap();
    assert_trap(run(&mut store, &instance, "fill"), Trap::OutOfFuel);
    assert_eq!(memory.data(&store)[0], 0);
    store.set_fuel(10_000).unwrap();
    run(&mut store, &instance, "fill").unwrap();
    assert_eq!(memory.data(&store)[0], 1);
    assert_eq!(10_000 - store.get_fuel().unwrap(), 1 + 4 + 65536 / 8);
}

#[test]
fn more_fuel_than_compiled_code_counts_is_not_lost() {
    let mut store = Store::new(&fuel_engine(), ());
    let instance = instance(&mut store, ENDLESS);
    store.set_fuel(u64::MAX).unwrap();
    assert_eq!(store.get_fuel().unwrap(), u64::MAX);
    run(&mut store, &instance, "nothing").unwrap();
    assert_eq!(store.get_fuel().unwrap(), u64::MAX - 1);
}

#[test]
fn a_host_function_sees_and_sets_its_callers_fuel() {
    let engine = fuel_engine();
    let mut linker = Linker::new(&engine);
    linker
        .func_wrap("", "refill", |mut caller: threadline::Caller<'_, u64>| {
            let mut store = threadline::AsContextMut::as_context_mut(&mut caller);
            *store.data_mut() = store.get_fuel()?;
            store.set_fuel(50)
        })
        .unwrap();
    let wat = r#"(module
        (import "" "refill" (func $refill))
        (func (export "f") (drop (i32.const 0)) (call $refill) (drop (i32.const 0))))"#;
    let module = Module::new(&engine, wat).unwrap();
    let mut store = Store::new(&engine, 0);
    store.set_fuel(10).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    run(&mut store, &instance, "f").unwrap();
    assert_eq!(*store.data(), 10 - 1 - 1 - 1);
    assert_eq!(store.get_fuel().unwrap(), 50 - 1);
}

#[test]
fn fuel_does_not_depend_on_how_a_program_is_compiled() {
    // Slots are read and written in ways that differ most between lowerings.
    let wat = r#"(component
        (core func $get (canon context.get i32 0))
        (core func $set (canon context.set i32 0))
        (core module $m
            (import "" "get" (func $get (result i32)))
            (import "" "set" (func $set (param i32)))
            (func (export "f") (result i32)
                (loop
                    (call $set (i32.add (call $get) (i32.const 1)))
                    (br_if 0 (i32.lt_u (call $get) (i32.const 100))))
                (call $get)))
        (core instance $i (instantiate $m (with "" (instance
            (export "get" (func $get)) (export "set" (func $set))))))
        (func (export "f") (result u32) (canon lift (core func $i "f"))))"#;
    let mut used = Vec::new();
    for lowering in ContextLowering::ALL {
        for level in [OptLevel::None, OptLevel::Speed] {
            let mut config = Config::new();
            config.consume_fuel(true).context_lowering(lowering);
            let engine = Engine::new(config.cranelift_opt_level(level)).unwrap();
            let component = threadline::component::Component::new(&engine, wat).unwrap();
            let linker = threadline::component::Linker::new(&engine);
            let mut store = Store::new(&engine, ());
            store.set_fuel(1 << 20).unwrap();
            let instance = linker.instantiate(&mut store, &component).unwrap();
            let func = instance
                .get_typed_func::<(), (u32,)>(&mut store, "f")
                .unwrap();
            assert_eq!(func.call(&mut store, ()).unwrap(), (100,));
            used.push((1 << 20) - store.get_fuel().unwrap());
        }
    }
    assert!(used[0] > 600, "{used:?}");
    assert!(used.iter().all(|&fuel| fuel == used[0]), "{used:?}");
}

#[test]
fn fuel_cannot_be_set_where_none_is_consumed() {
    let mut store = Store::<()>::default();
    assert!(store.set_fuel(1).is_err());
    assert!(store.get_fuel().is_err());
}

#[test]
fn an_epoch_that_passes_interrupts_a_loop() {
    let engine = epoch_engine();
    let mut store = Store::new(&engine, ());
    let instance = instance(&mut store, ENDLESS);
    store.set_epoch_deadline(2);
    run(&mut store, &instance, "nothing").unwrap();
    let ticker = std::thread::spawn(move || {
        for _ in 0..2 {
            std::thread::sleep(std::time::Duration::from_millis(5));
            engine.increment_epoch();
        }
    });
    let error = run(&mut store, &instance, "loop").unwrap_err();
    ticker.join().unwrap();
    assert!(
        format!("{error:?}").contains("wasm trap: interrupt"),
        "{error:?}"
    );
    assert_trap(Err(error), Trap::Interrupt);
}

#[test]
fn a_new_store_is_interrupted_at_once() {
    let mut store = Store::new(&epoch_engine(), ());
    let instance = instance(&mut store, ENDLESS);
    assert_trap(run(&mut store, &instance, "nothing"), Trap::Interrupt);
}

#[test]
fn a_callback_decides_how_often_wasm_goes_on() {
    let engine = epoch_engine();
    let mut store = Store::new(&engine, 0);
    let instance = instance(&mut store, ENDLESS);
    store.set_epoch_deadline(0);
    store.epoch_deadline_callback(move |mut store| {
        *store.data_mut() += 1;
        engine.increment_epoch();
        Ok(match *store.data() {
            1..5 => UpdateDeadline::Continue(1),
            5 => UpdateDeadline::Continue(0),
            _ => UpdateDeadline::Interrupt,
        })
    });
    store.engine().clone().increment_epoch();
    let ticker = store.engine().clone();
    let stop = Arc::new(AtomicU32::new(0));
    let stopped = stop.clone();
    let thread = std::thread::spawn(move || {
        while stopped.load(Ordering::Relaxed) == 0 {
            ticker.increment_epoch();
            std::thread::yield_now();
        }
    });
    assert_trap(run(&mut store, &instance, "loop"), Trap::Interrupt);
    stop.store(1, Ordering::Relaxed);
    thread.join().unwrap();
    assert_eq!(*store.data(), 6);
}

#[test]
fn a_callbacks_error_comes_out_of_the_call() {
    let mut store = Store::new(&epoch_engine(), ());
    let instance = instance(&mut store, ENDLESS);
    store.epoch_deadline_callback(|_| anyhow::bail!("enough"));
    let error = run(&mut store, &instance, "loop").unwrap_err();
    assert!(format!("{error:?}").contains("enough"), "{error:?}");
    store.epoch_deadline_trap();
    assert_trap(run(&mut store, &instance, "loop"), Trap::Interrupt);
}

/// What is enough for anything but a bulk operator on everything there is.
const SOME_FUEL: u64 = 1000;

/// An instance with memories and tables of both address types, and a function for each operator.
fn bulk_instance(store: &mut Store<()>) -> Instance {
    instance(
        store,
        r#"(module
            (memory $m 4) (memory $m64 i64 4) (memory $shared 4 4 shared)
            (table $t 100000 funcref) (table $t64 i64 100000 funcref) (table $small 1 20 funcref)
            (data $d "0123456789abcdef") (elem $e func 0 0 0) (data $active (memory $m) (i32.const 0) "x")
            (func)
            (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
            (func (export "fill-64") (param i64 i64)
                (memory.fill $m64 (local.get 0) (i32.const 1) (local.get 1)))
            (func (export "fill-shared") (param i32 i32)
                (memory.fill $shared (local.get 0) (i32.const 1) (local.get 1)))
            (func (export "copy") (param i32 i32 i32)
                (memory.copy (local.get 0) (local.get 1) (local.get 2)))
            (func (export "copy-64") (param i64 i64 i64)
                (memory.copy $m64 $m64 (local.get 0) (local.get 1) (local.get 2)))
            (func (export "copy-narrow") (param i32 i64 i32)
                (memory.copy $m $m64 (local.get 0) (local.get 1) (local.get 2)))
            (func (export "init") (param i32 i32 i32)
                (memory.init $m $d (local.get 0) (local.get 1) (local.get 2)))
            (func (export "init-active") (param i32 i32 i32)
                (memory.init $m $active (local.get 0) (local.get 1) (local.get 2)))
            (func (export "table-fill") (param i32 i32)
                (table.fill $t (local.get 0) (ref.null func) (local.get 1)))
            (func (export "table-fill-64") (param i64 i64)
                (table.fill $t64 (local.get 0) (ref.null func) (local.get 1)))
            (func (export "table-copy") (param i32 i32 i32)
                (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
            (func (export "table-init") (param i32 i32 i32)
                (table.init $t $e (local.get 0) (local.get 1) (local.get 2)))
            (func (export "grow") (param i32) (result i32)
                (table.grow $t (ref.null func) (local.get 0)))
            (func (export "grow-64") (param i64) (result i64)
                (table.grow $t64 (ref.null func) (local.get 0)))
            (func (export "grow-small") (param i32) (result i32)
                (table.grow $small (ref.null func) (local.get 0)))
            (func (export "grow-memory") (param i32) (result i32) (memory.grow (local.get 0)))
            (func (export "grow-memory-64") (param i64) (result i64) (memory.grow $m64 (local.get 0))))"#,
    )
}

/// Calls a function with numbers in the types that it takes: its result, and what it has cost.
fn cost(
    store: &mut Store<()>,
    instance: &Instance,
    (name, numbers): (&str, &[i64]),
) -> (anyhow::Result<Option<i64>>, u64) {
    let func = instance.get_func(&mut *store, name).unwrap();
    let ty = func.ty(&*store);
    let params = ty.params().iter().zip(numbers);
    let params: Vec<_> = params
        .map(|(ty, &number)| match ty {
            threadline::ValType::I32 => Val::I32(number as i32),
            _ => Val::I64(number),
        })
        .collect();
    let mut results = vec![Val::I32(0); ty.results().len()];
    store.set_fuel(SOME_FUEL).unwrap();
    let called = func.call(&mut *store, &params, &mut results);
    let result = called.map(|()| match results[..] {
        [Val::I32(result)] => Some(i64::from(result)),
        [Val::I64(result)] => Some(result),
        _ => None,
    });
    (result, SOME_FUEL - store.get_fuel().unwrap())
}

#[test]
fn bulk_operators_out_of_bounds_say_so_however_little_fuel_there_is() {
    let mut store = Store::new(&fuel_engine(), ());
    let instance = bulk_instance(&mut store);
    let calls: &[(&str, &[i64], Trap)] = &[
        ("fill", &[0, -1], Trap::MemoryOutOfBounds),
        ("fill", &[4 << 16, 4 << 16], Trap::MemoryOutOfBounds),
        ("fill", &[-1, 4 << 16], Trap::MemoryOutOfBounds),
        ("fill-64", &[0, -1], Trap::MemoryOutOfBounds),
        ("fill-64", &[-1, 4 << 16], Trap::MemoryOutOfBounds),
        ("fill-64", &[i64::MIN, i64::MIN], Trap::MemoryOutOfBounds),
        ("fill-shared", &[0, -1], Trap::MemoryOutOfBounds),
        ("fill-shared", &[1, 4 << 16], Trap::MemoryOutOfBounds),
        ("copy", &[0, 0, -1], Trap::MemoryOutOfBounds),
        ("copy", &[1, 0, 4 << 16], Trap::MemoryOutOfBounds),
        ("copy", &[0, 1, 4 << 16], Trap::MemoryOutOfBounds),
        ("copy-64", &[0, -8, 4 << 16], Trap::MemoryOutOfBounds),
        ("copy-64", &[-8, 0, 4 << 16], Trap::MemoryOutOfBounds),
        (
            "copy-narrow",
            &[0, 1 << 40, 4 << 16],
            Trap::MemoryOutOfBounds,
        ),
        ("init", &[0, 0, -1], Trap::MemoryOutOfBounds),
        ("init", &[0, 16, 4 << 16], Trap::MemoryOutOfBounds),
        ("init", &[4 << 16, 0, 16], Trap::MemoryOutOfBounds),
        ("init-active", &[0, 0, 4 << 16], Trap::MemoryOutOfBounds),
        ("table-fill", &[0, -1], Trap::TableOutOfBounds),
        ("table-fill", &[1, 100_000], Trap::TableOutOfBounds),
        ("table-fill-64", &[0, -1], Trap::TableOutOfBounds),
        ("table-fill-64", &[-1, 100_000], Trap::TableOutOfBounds),
        ("table-copy", &[0, 1, 100_000], Trap::TableOutOfBounds),
        ("table-copy", &[1, 0, 100_000], Trap::TableOutOfBounds),
        ("table-init", &[0, 0, -1], Trap::TableOutOfBounds),
        ("table-init", &[0, 3, 50_000], Trap::TableOutOfBounds),
    ];
    for &(name, numbers, trap) in calls {
        let (result, cost) = cost(&mut store, &instance, (name, numbers));
        let error = result.expect_err(name);
        let found = error.downcast_ref::<Trap>();
        assert_eq!(found, Some(&trap), "{name}{numbers:?}: {error:?}");
        assert!(cost < 10, "{name}{numbers:?} costs {cost}");
    }
}

#[test]
fn bulk_operators_within_bounds_are_not_begun_without_the_fuel_for_all_of_it() {
    let mut store = Store::new(&fuel_engine(), ());
    let instance = bulk_instance(&mut store);
    let calls: &[(&str, &[i64])] = &[
        ("fill", &[0, 4 << 16]),
        ("fill-64", &[0, 4 << 16]),
        ("fill-shared", &[0, 4 << 16]),
        ("copy", &[0, 0, 4 << 16]),
        ("copy-64", &[16, 16, 3 << 16]),
        ("copy-narrow", &[0, 0, 4 << 16]),
        ("table-fill", &[0, 100_000]),
        ("table-fill-64", &[0, 100_000]),
        ("table-copy", &[0, 0, 100_000]),
        ("grow", &[100_000]),
        ("grow-64", &[100_000]),
    ];
    for &call in calls {
        let (result, _) = cost(&mut store, &instance, call);
        assert_trap(result.map(drop), Trap::OutOfFuel);
    }
}

#[test]
fn bulk_operators_that_move_little_cost_little() {
    let mut store = Store::new(&fuel_engine(), ());
    let instance = bulk_instance(&mut store);
    // Beside the function's unit and those of the operators.
    let calls: &[(&str, &[i64], u64)] = &[
        ("fill", &[4 << 16, 0], 0),
        ("fill", &[0, 800], 100),
        ("fill-64", &[8, 800], 100),
        ("fill-shared", &[0, 800], 100),
        ("copy", &[0, 8, 800], 100),
        ("init", &[0, 0, 16], 2),
        ("init-active", &[0, 0, 0], 0),
        ("table-fill", &[99_950, 50], 50),
        ("table-copy", &[0, 1, 50], 50),
        ("table-init", &[0, 0, 3], 3),
        ("grow", &[0], 0),
        ("grow", &[50], 50),
        ("grow-64", &[50], 50),
    ];
    for &(name, numbers, moved) in calls {
        let (result, cost) = cost(&mut store, &instance, (name, numbers));
        result.expect(name);
        let operators = match name.contains("grow") {
            true => 1 + 3,
            false => 1 + 4,
        };
        assert_eq!(cost, operators + moved, "{name}{numbers:?}");
    }
}

#[test]
fn growing_beyond_what_there_can_be_fails_and_costs_nothing() {
    let mut store = Store::new(&fuel_engine(), ());
    let instance = bulk_instance(&mut store);
    let calls: &[(&str, &[i64])] = &[
        ("grow", &[-1]),
        ("grow", &[-100_000]),
        ("grow-64", &[-1]),
        ("grow-64", &[i64::MAX]),
        ("grow-small", &[20]),
        ("grow-small", &[-1]),
        ("grow-memory", &[-1]),
        ("grow-memory-64", &[-1]),
    ];
    for &call in calls {
        let (result, cost) = cost(&mut store, &instance, call);
        assert_eq!(result.unwrap(), Some(-1), "{call:?}");
        assert!(cost < 10, "{call:?} costs {cost}");
    }
    let (result, _) = cost(&mut store, &instance, ("grow-small", &[19]));
    assert_eq!(result.unwrap(), Some(1));
}

#[test]
fn growth_that_the_host_refuses_is_given_back() {
    let mut store = Store::new(
        &fuel_engine(),
        StoreLimitsBuilder::new().table_elements(100).build(),
    );
    store.limiter(|limits| limits);
    let instance = instance(
        &mut store,
        r#"(module (table 0 funcref)
            (func (export "grow") (param i32) (result i32)
                (table.grow (ref.null func) (local.get 0))))"#,
    );
    let grow = instance
        .get_typed_func::<i32, i32>(&mut store, "grow")
        .unwrap();
    for (delta, result, cost) in [(500, -1, 0), (100, 0, 100), (1, -1, 0)] {
        store.set_fuel(SOME_FUEL).unwrap();
        assert_eq!(grow.call(&mut store, delta).unwrap(), result);
        assert_eq!(SOME_FUEL - store.get_fuel().unwrap(), 1 + 3 + cost);
    }
}

/// What an embedder sees at a deadline, and what it does there.
#[derive(Default)]
struct AtDeadline {
    /// Fuel when the epoch passed.
    expected: u64,
    /// Fuel that each callback has seen.
    seen: Vec<u64>,
    /// What it sets.
    set: Option<u64>,
}

/// Runs a function in which the imported `tick` lets the deadline pass; the callback sees and sets
/// fuel.
fn run_over_a_deadline(body: &str, set: Option<u64>) -> (Store<AtDeadline>, anyhow::Result<()>) {
    let config = &mut Config::new();
    let engine = Engine::new(config.consume_fuel(true).epoch_interruption(true)).unwrap();
    let at_deadline = AtDeadline {
        set,
        ..AtDeadline::default()
    };
    let mut store = Store::new(&engine, at_deadline);
    let mut linker = Linker::<AtDeadline>::new(&engine);
    let tick = |mut caller: Caller<'_, AtDeadline>| {
        let mut store = caller.as_context_mut();
        store.data_mut().expected = store.get_fuel()?;
        caller.engine().increment_epoch();
        anyhow::Ok(())
    };
    linker.func_wrap("", "tick", tick).unwrap();
    store.epoch_deadline_callback(|mut store| {
        let fuel = store.get_fuel()?;
        store.data_mut().seen.push(fuel);
        if let Some(fuel) = store.data().set {
            store.set_fuel(fuel)?;
        }
        Ok(UpdateDeadline::Continue(1))
    });
    store.set_epoch_deadline(1);
    store.set_fuel(1_000_000).unwrap();
    let module = Module::new(&engine, body).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let result = run(&mut store, &instance, "run");
    (store, result)
}

/// Uses up fuel, lets the deadline pass, and goes on in a loop of 1000 rounds at six units each.
const LOOPS: &str = r#"(module
    (import "" "tick" (func $tick))
    (memory 1 1 shared)
    (func (export "run") (local $i i32)
        (loop $first
            (br_if $first (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
        (call $tick)
        (loop $second
            (br_if $second (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))))"#;

#[test]
fn fuel_is_true_in_a_callback_where_a_loop_begins() {
    let (store, result) = run_over_a_deadline(LOOPS, None);
    result.unwrap();
    let AtDeadline { expected, seen, .. } = store.data();
    assert!(*expected < 1_000_000 - 6000);
    assert_eq!(seen[..], [*expected]);
    // The second loop has been charged, too.
    assert_eq!(store.get_fuel().unwrap(), expected - 5 * 1000);
}

#[test]
fn fuel_is_true_in_a_callback_where_a_function_begins() {
    let (store, result) = run_over_a_deadline(
        r#"(module
            (import "" "tick" (func $tick))
            (func (export "run") (call $tick) (call $f))
            (func $f (drop (i32.const 1))))"#,
        None,
    );
    result.unwrap();
    let AtDeadline { expected, seen, .. } = store.data();
    // The call and the function.
    assert_eq!(seen[..], [expected - 2]);
    assert_eq!(store.get_fuel().unwrap(), expected - 3);
}

#[test]
fn fuel_is_true_in_a_callback_while_a_thread_waits() {
    let (store, result) = run_over_a_deadline(
        r#"(module
            (import "" "tick" (func $tick))
            (memory 1 1 shared)
            (func (export "run")
                (call $tick)
                (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 1000000)))
                (loop)))"#,
        Some(500),
    );
    result.unwrap();
    let AtDeadline { expected, seen, .. } = store.data();
    // Three constants and the operator; once, though the loop looks at the deadline again.
    assert_eq!(seen[..], [expected - 4]);
    // What was set then is what goes on being used.
    assert_eq!(store.get_fuel().unwrap(), 500);
}

#[test]
fn fuel_that_a_callback_sets_is_what_wasm_goes_on_with() {
    for (fuel, expected) in [
        (5000, Ok(0)),
        (1 << 40, Ok((1 << 40) - 5000)),
        (4000, Err(())),
    ] {
        let (store, result) = run_over_a_deadline(LOOPS, Some(fuel));
        match expected {
            Ok(left) => {
                result.unwrap();
                assert_eq!(store.get_fuel().unwrap(), left);
            }
            Err(()) => {
                assert_trap(result, Trap::OutOfFuel);
                assert_eq!(store.get_fuel().unwrap(), 0);
            }
        }
    }
}

#[test]
fn a_program_costs_the_same_with_epochs_and_without() {
    let cost = |config: &mut Config| {
        let engine = Engine::new(config.consume_fuel(true)).unwrap();
        let mut store = Store::new(&engine, ());
        store.set_fuel(1_000_000).unwrap();
        let wat = LOOPS.replace(r#"(import "" "tick" (func $tick))"#, "(func $tick)");
        let instance = instance(&mut store, &wat);
        store.set_epoch_deadline(1);
        run(&mut store, &instance, "run").unwrap();
        1_000_000 - store.get_fuel().unwrap()
    };
    assert_eq!(
        cost(&mut Config::new()),
        cost(Config::new().epoch_interruption(true))
    );
}

#[test]
fn nans_have_one_form_if_asked_for() {
    let wat = r#"(module (func (export "f") (param f32) (result f32)
        (f32.add (local.get 0) (f32.const 1))))"#;
    let engine = Engine::new(Config::new().cranelift_nan_canonicalization(true)).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = instance(&mut store, wat);
    let func = instance
        .get_typed_func::<(f32,), f32>(&mut store, "f")
        .unwrap();
    let nan = f32::from_bits(0xffc0_1234);
    let sum = func.call(&mut store, (nan,)).unwrap();
    assert_eq!(sum.to_bits(), 0x7fc0_0000);
}

//! Fuel, epochs and canonical NaNs.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(missing_docs, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use threadline::{
    Config, ContextLowering, Engine, Instance, Linker, Module, OptLevel, Store, Trap,
    UpdateDeadline,
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

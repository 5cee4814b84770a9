//! Fuel and epochs where control comes back to a function by an exception.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use anyhow::Result;
use threadline::{
    AsContextMut, Caller, Config, Engine, Exception, Extern, FuncType, Instance, Linker, Module,
    OptLevel, Store, Tag, Trap, UpdateDeadline, Val, ValType,
};

/// What each exported function costs is in the tests: a unit for the function and one for each
/// operator, but for `block`, `try_table`, `loop`, `drop`, `return`, `unreachable` and `end`.
const GUEST: &str = r#"(module
  (import "host" "tag" (tag $t (param i32)))
  (import "host" "call" (func $host (param i32)))
  (tag $other)
  (func $throw (export "throw") (param i32) (throw $t (local.get 0)))
  (func $between (param i32)
    (call $throw (local.get 0))
    (drop (i32.const 0)) (drop (i32.const 0)))
  (func $not-here (param i32)
    (block $h (try_table (catch $other $h) (call $between (local.get 0))))
    (drop (i32.const 0)))
  (func (export "same-function") (param i32) (result i32)
    (block $h (result i32)
      (try_table (catch $t $h) (throw $t (local.get 0)))
      (unreachable))
    (i32.const 1) (i32.add))
  (func (export "through-frames") (param i32) (result i32)
    (block $h (result i32)
      (try_table (catch $t $h) (call $not-here (local.get 0)))
      (unreachable))
    (i32.const 1) (i32.add))
  (func (export "through-a-table") (param i32) (result i32)
    (block $h (result i32)
      (try_table (catch $t $h) (call_indirect (param i32) (local.get 0) (i32.const 0)))
      (unreachable))
    (i32.const 1) (i32.add))
  (table funcref (elem $not-here))
  (func (export "through-the-host") (param i32) (result i32)
    (block $h (result i32)
      (try_table (catch $t $h) (call $host (local.get 0)))
      (unreachable))
    (i32.const 1) (i32.add))
  (func (export "again-by-reference") (param i32) (result i32)
    (block $outer (result i32)
      (try_table (catch $t $outer)
        (block $inner (result exnref)
          (try_table (catch_all_ref $inner) (call $throw (local.get 0)))
          (unreachable))
        (throw_ref))
      (unreachable))
    (i32.const 1) (i32.add))
  (func (export "throw-for-ever")
    (loop $again
      (block $h (try_table (catch_all $h) (throw $other)))
      (br $again)))
  (func (export "call-and-throw-for-ever")
    (loop $again
      (block $h (try_table (catch_all $h) (call $throw (i32.const 0))))
      (br $again)))
  (func (export "catch-all-around-a-loop")
    (block $h (try_table (catch_all $h) (loop (br 0)))))
  (func (export "loop-in-a-handler") (param $n i32) (result i32)
    (block $h (result i32)
      (try_table (catch $t $h) (call $host (i32.const 0)))
      (return (i32.const -1)))
    (drop)
    (loop $again
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n)))
    (i32.const 7)))"#;

type Host = fn(Caller<'_, Vec<u64>>, Tag, i32) -> Result<()>;

/// A store whose data is what the host notes down.
fn guest(config: &mut Config, host: Host) -> (Store<Vec<u64>>, Instance) {
    let engine = Engine::new(config).unwrap();
    let module = Module::new(&engine, GUEST).unwrap();
    let mut store = Store::new(&engine, Vec::new());
    let tag = Tag::new(&mut store, &FuncType::new([ValType::I32], [])).unwrap();
    let mut linker = Linker::new(&engine);
    linker.define(&store, "host", "tag", tag).unwrap();
    let call = move |caller: Caller<'_, Vec<u64>>, value: i32| host(caller, tag, value);
    linker.func_wrap("host", "call", call).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    (store, instance)
}

fn each_level(check: impl Fn(&mut Config)) {
    for level in [OptLevel::None, OptLevel::Speed] {
        check(Config::new().cranelift_opt_level(level));
    }
}

fn run(guest: &mut (Store<Vec<u64>>, Instance), name: &str) -> Result<()> {
    let (store, instance) = guest;
    let func = instance.get_typed_func::<(), ()>(&mut *store, name)?;
    func.call(store, ())
}

fn catch(guest: &mut (Store<Vec<u64>>, Instance), name: &str, value: i32) -> Result<i32> {
    let (store, instance) = guest;
    let func = instance.get_typed_func::<i32, i32>(&mut *store, name)?;
    func.call(store, value)
}

#[track_caller]
fn assert_trap<R: std::fmt::Debug>(result: Result<R>, expected: Trap) {
    let error = result.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&expected), "{error:?}");
}

fn throw(mut caller: Caller<'_, Vec<u64>>, tag: Tag, value: i32) -> Result<()> {
    Err(Exception::new(&mut caller, tag, &[Val::I32(value)])?.into())
}

/// Calls the guest's `throw`, and lets its exception pass.
fn call_back(mut caller: Caller<'_, Vec<u64>>, _: Tag, value: i32) -> Result<()> {
    let Some(Extern::Func(throw)) = caller.get_export("throw") else {
        anyhow::bail!("the guest exports `throw`");
    };
    let note = |caller: &mut Caller<'_, Vec<u64>>| -> Result<()> {
        let mut store = caller.as_context_mut();
        let left = store.get_fuel()?;
        store.data_mut().push(left);
        Ok(())
    };
    note(&mut caller)?;
    let result = throw.call(&mut caller, &[Val::I32(value)], &mut []);
    note(&mut caller)?;
    result
}

/// `$throw`, called.
const THROW: u64 = 1 + 2;
/// `$not-here`, called, as far as it gets.
const NOT_HERE: u64 = (1 + 2) + (1 + 2) + THROW;
/// What is done with a value that is caught.
const HANDLER: u64 = 2;

#[test]
fn fuel_is_exact_over_a_throw_and_a_catch() {
    for (name, cost) in [
        ("same-function", 1 + 2 + HANDLER),
        ("through-frames", 1 + 2 + NOT_HERE + HANDLER),
        ("through-a-table", 1 + 3 + NOT_HERE + HANDLER),
        ("through-the-host", 1 + 2 + THROW + HANDLER),
        ("again-by-reference", 1 + 2 + THROW + 1 + HANDLER),
    ] {
        each_level(|config| {
            let mut guest = guest(config.consume_fuel(true), call_back);
            for _ in 0..3 {
                guest.0.set_fuel(1000).unwrap();
                assert_eq!(catch(&mut guest, name, 5).unwrap(), 6, "{name}");
                assert_eq!(1000 - guest.0.get_fuel().unwrap(), cost, "{name}");
            }
            // One call and no more.
            guest.0.set_fuel(cost).unwrap();
            assert_eq!(catch(&mut guest, name, 5).unwrap(), 6, "{name}");
            assert_trap(catch(&mut guest, name, 5), Trap::OutOfFuel);
        });
    }
}

#[test]
fn the_host_sees_exact_fuel_before_and_after_an_exception_that_passes_it() {
    each_level(|config| {
        let mut guest = guest(config.consume_fuel(true), call_back);
        guest.0.set_fuel(100).unwrap();
        assert_eq!(catch(&mut guest, "through-the-host", 5).unwrap(), 6);
        assert_eq!(*guest.0.data(), [100 - 3, 100 - 3 - THROW]);
    });
}

#[test]
fn a_handler_goes_on_with_the_fuel_that_the_host_set_before_it_threw() {
    each_level(|config| {
        let mut guest = guest(config.consume_fuel(true), |mut caller, tag, value| {
            caller.as_context_mut().set_fuel(50)?;
            throw(caller, tag, value)
        });
        guest.0.set_fuel(10).unwrap();
        assert_eq!(catch(&mut guest, "through-the-host", 5).unwrap(), 6);
        assert_eq!(guest.0.get_fuel().unwrap(), 50 - HANDLER);
    });
}

#[test]
fn an_exception_that_nobody_catches_has_cost_what_led_to_it() {
    each_level(|config| {
        let mut guest = guest(config.consume_fuel(true), throw);
        let throw = guest.1.get_typed_func::<i32, ()>(&mut guest.0, "throw");
        guest.0.set_fuel(100).unwrap();
        let error = throw.unwrap().call(&mut guest.0, 5).unwrap_err();
        assert!(error.downcast_ref::<Exception>().is_some(), "{error:?}");
        assert_eq!(guest.0.get_fuel().unwrap(), 100 - THROW);
    });
}

/// Fuel is looked at where a function or a loop begins, and a `throw` is neither.
#[test]
fn what_is_thrown_without_fuel_is_caught_and_the_next_function_traps() {
    each_level(|config| {
        let mut guest = guest(config.consume_fuel(true), throw);
        guest.0.set_fuel(1).unwrap();
        assert_eq!(catch(&mut guest, "same-function", 5).unwrap(), 6);
        assert_eq!(guest.0.get_fuel().unwrap(), 0);
        assert_trap(catch(&mut guest, "same-function", 5), Trap::OutOfFuel);
        // The host throws when the guest has none left.
        guest.0.set_fuel(1).unwrap();
        assert_eq!(catch(&mut guest, "through-the-host", 5).unwrap(), 6);
        assert_eq!(guest.0.get_fuel().unwrap(), 0);
        // There is none for the callee that would throw.
        guest.0.set_fuel(2).unwrap();
        assert_trap(catch(&mut guest, "through-frames", 5), Trap::OutOfFuel);
    });
}

#[test]
fn throwing_for_ever_ends_when_fuel_does_and_no_handler_catches_that() {
    each_level(|config| {
        let mut guest = guest(config.consume_fuel(true), throw);
        for name in [
            "throw-for-ever",
            "call-and-throw-for-ever",
            "catch-all-around-a-loop",
        ] {
            guest.0.set_fuel(5000).unwrap();
            assert_trap(run(&mut guest, name), Trap::OutOfFuel);
            assert_eq!(guest.0.get_fuel().unwrap(), 0, "{name}");
        }
    });
}

#[test]
fn epochs_interrupt_whoever_throws_for_ever_and_no_handler_catches_that() {
    each_level(|config| {
        let mut guest = guest(config.epoch_interruption(true), throw);
        for name in [
            "throw-for-ever",
            "call-and-throw-for-ever",
            "catch-all-around-a-loop",
        ] {
            guest.0.set_epoch_deadline(1);
            let engine = guest.0.engine().clone();
            let ticker = std::thread::spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(5));
                engine.increment_epoch();
            });
            assert_trap(run(&mut guest, name), Trap::Interrupt);
            ticker.join().unwrap();
        }
    });
}

#[test]
fn a_loop_in_a_handler_has_the_deadline_that_the_host_set_before_it_threw() {
    each_level(|config| {
        // The one that was set before has passed by then.
        let mut later = guest(config.epoch_interruption(true), |mut caller, tag, value| {
            caller.as_context_mut().engine().increment_epoch();
            caller.as_context_mut().set_epoch_deadline(1);
            throw(caller, tag, value)
        });
        later.0.set_epoch_deadline(1);
        assert_eq!(catch(&mut later, "loop-in-a-handler", 1000).unwrap(), 7);

        // The one that was set before has not.
        let mut sooner = guest(config, |mut caller, tag, value| {
            caller.as_context_mut().set_epoch_deadline(0);
            throw(caller, tag, value)
        });
        sooner.0.set_epoch_deadline(1_000_000);
        let result = catch(&mut sooner, "loop-in-a-handler", 1000);
        assert_trap(result, Trap::Interrupt);
    });
}

#[test]
fn a_callback_lets_a_loop_in_a_handler_go_on() {
    each_level(|config| {
        let mut guest = guest(config.epoch_interruption(true), |mut caller, tag, value| {
            caller.as_context_mut().engine().increment_epoch();
            throw(caller, tag, value)
        });
        guest.0.set_epoch_deadline(1);
        guest.0.epoch_deadline_callback(|mut store| {
            store.data_mut().push(0);
            Ok(match store.data().len() {
                // At once again, and then not any more.
                1 | 2 => UpdateDeadline::Continue(0),
                _ => UpdateDeadline::Continue(1),
            })
        });
        assert_eq!(catch(&mut guest, "loop-in-a-handler", 1000).unwrap(), 7);
        assert_eq!(guest.0.data().len(), 3);
    });
}

/// It is an error of the host: no guest called it, so there is none that could catch it.
#[test]
fn an_exception_that_a_callback_returns_is_not_caught() {
    each_level(|config| {
        let mut guest = guest(config.epoch_interruption(true), throw);
        let tag = Tag::new(&mut guest.0, &FuncType::new([], [])).unwrap();
        guest.0.set_epoch_deadline(1);
        guest.0.epoch_deadline_callback(move |mut store| {
            Err(Exception::new(&mut store, tag, &[])?.into())
        });
        guest.0.engine().increment_epoch();
        let error = run(&mut guest, "catch-all-around-a-loop").unwrap_err();
        assert!(error.downcast_ref::<Exception>().is_some(), "{error:?}");
    });
}

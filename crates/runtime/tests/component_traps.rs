//! What traps, errors and panics do to instances, their store and the host.

use std::panic::{AssertUnwindSafe, catch_unwind};
use threadline::component::{Component, Instance, Linker, TypedFunc, Val};
use threadline::{Engine, Store, StoreContextMut, Trap, WasmBacktrace};

/// A component that can trap by itself, fail in the host, count, and work.
const TEXT: &str = r#"(component
    (import "host" (func $host (param "v" u32) (result u32)))
    (core func $host' (canon lower (func $host)))
    (core module $m
        (import "" "host" (func $host (param i32) (result i32)))
        (global $count (mut i32) (i32.const 0))
        (func (export "count") (result i32)
            (global.set $count (i32.add (global.get $count) (i32.const 1)))
            (global.get $count))
        (func $trap (export "trap") (unreachable))
        (func $forever (export "overflow") (call $forever))
        (func $through (export "host") (param i32) (result i32) (call $host (local.get 0)))
    )
    (core instance $i (instantiate $m (with "" (instance (export "host" (func $host'))))))
    (func (export "count") (result u32) (canon lift (core func $i "count")))
    (func (export "trap") (canon lift (core func $i "trap")))
    (func (export "overflow") (canon lift (core func $i "overflow")))
    (func (export "host") (param "v" u32) (result u32) (canon lift (core func $i "host")))
)"#;

/// What the host function does, by its parameter.
fn host(mut store: StoreContextMut<'_, Option<Instance>>, (v,): (u32,)) -> anyhow::Result<(u32,)> {
    match v {
        0 => anyhow::bail!("the host is out of order"),
        1 => panic!("the host panics"),
        2 => {
            // A trap in another instance, which this one survives.
            let other = store.data().expect("another instance");
            let trap = other.get_typed_func::<(), ()>(&mut store, "trap")?;
            let error = trap.call(&mut store, ()).expect_err("it traps");
            assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable));
            Ok((2,))
        }
        3 => {
            // A trap in another instance, which goes on to this one.
            let other = store.data().expect("another instance");
            let trap = other.get_typed_func::<(), ()>(&mut store, "trap")?;
            trap.call(&mut store, ())?;
            Ok((3,))
        }
        v => Ok((v,)),
    }
}

struct Two {
    store: Store<Option<Instance>>,
    a: Instance,
    b: Instance,
}

/// Two instances in one store; the store's data is the second.
fn two() -> Two {
    let engine = Engine::default();
    let component = Component::new(&engine, TEXT).expect("a valid component");
    let mut linker = Linker::new(&engine);
    linker.root().func_wrap("host", host).expect("a new name");
    let mut store = Store::new(&engine, None);
    let a = linker.instantiate(&mut store, &component).expect("it fits");
    let b = linker.instantiate(&mut store, &component).expect("it fits");
    *store.data_mut() = Some(b);
    Two { store, a, b }
}

impl Two {
    fn count(&mut self, instance: Instance) -> anyhow::Result<u32> {
        let count: TypedFunc<(), (u32,)> = instance.get_typed_func(&mut self.store, "count")?;
        Ok(count.call(&mut self.store, ())?.0)
    }

    fn host(&mut self, v: u32) -> anyhow::Result<u32> {
        let host: TypedFunc<(u32,), (u32,)> = self.a.get_typed_func(&mut self.store, "host")?;
        Ok(host.call(&mut self.store, (v,))?.0)
    }

    #[track_caller]
    fn assert_locked(&mut self, instance: Instance) {
        let error = self.count(instance).expect_err("it is locked");
        assert_eq!(error.downcast_ref(), Some(&Trap::CannotEnterComponent));
        assert!(
            error
                .to_string()
                .contains("cannot enter component instance")
        );
    }
}

#[test]
fn a_trap_locks_its_instance_and_no_other() {
    for name in ["trap", "overflow"] {
        let mut two = two();
        let (a, b) = (two.a, two.b);
        assert_eq!(two.count(a).expect("no trap"), 1);
        assert_eq!(two.count(b).expect("no trap"), 1);
        let trap: TypedFunc<(), ()> = a.get_typed_func(&mut two.store, name).expect("an export");
        let error = trap.call(&mut two.store, ()).expect_err("it traps");
        let expected = match name {
            "trap" => Trap::Unreachable,
            _ => Trap::StackOverflow,
        };
        assert_eq!(error.downcast_ref(), Some(&expected));
        let backtrace = error.downcast_ref::<WasmBacktrace>().expect("frames");
        assert!(!backtrace.frames().is_empty());
        two.assert_locked(a);
        two.assert_locked(a);
        assert_eq!(two.count(b).expect("no trap"), 2, "{name}");
    }
}

#[test]
fn an_error_of_the_host_ends_the_guest_and_comes_back_as_it_was() {
    let mut two = two();
    let error = two.host(0).expect_err("the host fails");
    assert_eq!(error.root_cause().to_string(), "the host is out of order");
    assert!(error.downcast_ref::<WasmBacktrace>().is_some());
    let (a, b) = (two.a, two.b);
    two.assert_locked(a);
    assert_eq!(two.count(b).expect("no trap"), 1);
}

#[test]
fn a_panic_of_the_host_goes_through_the_guest() {
    let mut two = two();
    let payload = catch_unwind(AssertUnwindSafe(|| two.host(1))).expect_err("it panics");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"the host panics"));
    let (a, b) = (two.a, two.b);
    two.assert_locked(a);
    assert_eq!(two.count(b).expect("no trap"), 1);
}

#[test]
fn who_catches_a_trap_below_goes_on() {
    let mut two = two();
    assert_eq!(two.host(2).expect("the host caught it"), 2);
    let (a, b) = (two.a, two.b);
    two.assert_locked(b);
    assert_eq!(two.count(a).expect("no trap"), 1);
}

#[test]
fn a_trap_locks_every_instance_it_passes() {
    let mut two = two();
    let error = two.host(3).expect_err("it traps");
    assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable));
    let (a, b) = (two.a, two.b);
    two.assert_locked(a);
    two.assert_locked(b);
}

#[test]
fn an_instance_can_be_entered_again_while_it_is_on_the_stack() {
    let engine = Engine::default();
    let component = Component::new(&engine, TEXT).expect("a valid component");
    let mut linker = Linker::new(&engine);
    linker
        .root()
        .func_wrap(
            "host",
            |mut store: StoreContextMut<'_, Option<Instance>>, (v,): (u32,)| {
                if v == 0 {
                    return Ok((0,));
                }
                let this = store.data().expect("it was instantiated");
                let host: TypedFunc<(u32,), (u32,)> = this.get_typed_func(&mut store, "host")?;
                let (sum,) = host.call(&mut store, (v - 1,))?;
                Ok((sum + v,))
            },
        )
        .expect("a new name");
    let mut store = Store::new(&engine, None);
    let instance = linker.instantiate(&mut store, &component).expect("it fits");
    *store.data_mut() = Some(instance);
    let host: TypedFunc<(u32,), (u32,)> = instance
        .get_typed_func(&mut store, "host")
        .expect("the right types");
    assert_eq!(host.call(&mut store, (20,)).expect("no trap"), (210,));
}

#[test]
fn an_instance_that_trapped_below_itself_is_not_returned_to() {
    let engine = Engine::default();
    let component = Component::new(&engine, TEXT).expect("a valid component");
    let mut linker = Linker::new(&engine);
    linker
        .root()
        .func_wrap(
            "host",
            |mut store: StoreContextMut<'_, Option<Instance>>, (v,): (u32,)| {
                let this = store.data().expect("it was instantiated");
                let trap: TypedFunc<(), ()> = this.get_typed_func(&mut store, "trap")?;
                let error = trap.call(&mut store, ()).expect_err("it traps");
                assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable));
                Ok((v,))
            },
        )
        .expect("a new name");
    let mut store = Store::new(&engine, None);
    let instance = linker.instantiate(&mut store, &component).expect("it fits");
    *store.data_mut() = Some(instance);
    let host: TypedFunc<(u32,), (u32,)> = instance
        .get_typed_func(&mut store, "host")
        .expect("the right types");
    let error = host.call(&mut store, (5,)).expect_err("it is locked");
    assert_eq!(error.downcast_ref(), Some(&Trap::CannotEnterComponent));
}

#[test]
fn values_of_the_wrong_type_change_nothing() {
    let mut two = two();
    let func = two.a.get_func(&mut two.store, "host").expect("an export");
    let mut results = [Val::Char('x')];
    for (params, expected) in [
        (
            &[Val::S32(5)][..],
            "the parameter `v`: expected a value of type `u32`, found a `s32`",
        ),
        (&[], "the function has 1 parameters, but 0 were given"),
    ] {
        let error = func
            .call(&mut two.store, params, &mut results)
            .expect_err("wrong values");
        assert_eq!(error.to_string(), expected);
    }
    let error = func
        .call(&mut two.store, &[Val::U32(5)], &mut [])
        .expect_err("no place for the result");
    assert_eq!(
        error.to_string(),
        "the function has 1 results, but 0 were given"
    );
    assert_eq!(results, [Val::Char('x')]);
    let a = two.a;
    assert_eq!(two.count(a).expect("not locked"), 1);
}

#[test]
fn a_dynamic_host_function_must_return_the_right_type() {
    let engine = Engine::default();
    let component = Component::new(&engine, TEXT).expect("a valid component");
    let mut linker = Linker::new(&engine);
    linker
        .root()
        .func_new("host", |_, _, results| {
            results[0] = Val::from("no number");
            Ok(())
        })
        .expect("a new name");
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).expect("it fits");
    let func = instance.get_func(&mut store, "host").expect("an export");
    let error = func
        .call(&mut store, &[Val::U32(1)], &mut [Val::U32(0)])
        .expect_err("not a u32");
    let message = error.root_cause().to_string();
    assert!(
        message.contains("expected a value of type `u32`, found a `string`"),
        "{message}"
    );
}

#[test]
fn handles_are_good_for_their_own_store_alone() {
    let mut two = two();
    let func = two.a.get_func(&mut two.store, "count").expect("an export");
    let typed = func
        .typed::<(), (u32,)>(&two.store)
        .expect("the right types");
    let mut other = Store::new(two.store.engine(), None::<Instance>);
    let error = func
        .call(&mut other, &[], &mut [Val::U32(0)])
        .expect_err("another store");
    assert!(error.to_string().contains("another store"), "{error}");
    let error = typed.call(&mut other, ()).expect_err("another store");
    assert!(error.to_string().contains("another store"), "{error}");
}

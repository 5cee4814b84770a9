//! Nobody's context slots can be read or written by anybody else.

use super::{engines, trap};
use anyhow::Result;
use threadline::component::{Component, Instance, Linker};
use threadline::{Engine, Store, StoreContextMut, Trap};

/// `probe(secret)` gives the sum of both slots as it found them, then sets them to `secret`, calls
/// the host, and traps unless it finds `secret` again.
const TEXT: &str = r#"(component
    (import "host" (func $host))
    (core func $host' (canon lower (func $host)))
    (core func $get0 (canon context.get i32 0))
    (core func $get1 (canon context.get i32 1))
    (core func $set0 (canon context.set i32 0))
    (core func $set1 (canon context.set i32 1))
    (core module $m
        (import "" "host" (func $host))
        (import "" "get0" (func $get0 (result i32)))
        (import "" "get1" (func $get1 (result i32)))
        (import "" "set0" (func $set0 (param i32)))
        (import "" "set1" (func $set1 (param i32)))
        (func $probe (export "probe") (param i32) (result i32) (local $found i32)
            (local.set $found (i32.add (call $get0) (call $get1)))
            (call $set0 (local.get 0))
            (call $set1 (local.get 0))
            (call $host)
            (if (i32.ne (call $get0) (local.get 0)) (then unreachable))
            (if (i32.ne (call $get1) (local.get 0)) (then unreachable))
            (local.get $found))
        (func (export "trap") (param i32)
            (drop (call $probe (local.get 0)))
            (drop (i32.div_u (i32.const 1) (i32.const 0)))))
    (core instance $i (instantiate $m (with "" (instance
        (export "host" (func $host'))
        (export "get0" (func $get0)) (export "get1" (func $get1))
        (export "set0" (func $set0)) (export "set1" (func $set1))))))
    (func (export "probe") (param "secret" u32) (result u32) (canon lift (core func $i "probe")))
    (func (export "trap") (param "secret" u32) (canon lift (core func $i "trap"))))"#;

/// What the host function runs, innermost last.
#[derive(Default)]
struct Data {
    next: Vec<Instance>,
    other: Option<Box<(Store<Data>, Instance)>>,
    found: Vec<u32>,
}

fn host(mut store: StoreContextMut<'_, Data>, (): ()) -> Result<()> {
    if let Some(next) = store.data_mut().next.pop() {
        let trap_func = next.get_typed_func::<(u32,), ()>(&mut store, "trap")?;
        let probe = next.get_typed_func::<(u32,), (u32,)>(&mut store, "probe")?;
        let (found,) = probe.call(&mut store, (0x2222,))?;
        store.data_mut().found.push(found);
        let trapped = trap_func.call(&mut store, (0x3333,));
        assert_eq!(trap(trapped), Trap::IntegerDivisionByZero);
    }
    if let Some(mut other) = store.data_mut().other.take() {
        let (inner, instance) = &mut *other;
        let trap_func = instance.get_typed_func::<(u32,), ()>(&mut *inner, "trap")?;
        let probe = instance.get_typed_func::<(u32,), (u32,)>(&mut *inner, "probe")?;
        let (found,) = probe.call(&mut *inner, (0x4444,))?;
        store.data_mut().found.push(found);
        let trapped = trap_func.call(&mut *inner, (0x5555,));
        assert_eq!(trap(trapped), Trap::IntegerDivisionByZero);
        let data = store.data_mut();
        data.found.append(&mut inner.data_mut().found);
    }
    Ok(())
}

fn instantiate(engine: &Engine, count: usize) -> Result<(Store<Data>, Vec<Instance>)> {
    let component = Component::new(engine, TEXT)?;
    let mut linker = Linker::new(engine);
    linker.root().func_wrap("host", host)?;
    let mut store = Store::new(engine, Data::default());
    let instances = (0..count).map(|_| linker.instantiate(&mut store, &component));
    let instances = instances.collect::<Result<_>>()?;
    Ok((store, instances))
}

#[test]
fn of_another_instance_in_the_store() -> Result<()> {
    for engine in engines() {
        let (mut store, instances) = instantiate(&engine, 4)?;
        store.data_mut().next = instances[1..].to_vec();
        let probe = instances[0].get_typed_func::<(u32,), (u32,)>(&mut store, "probe")?;
        assert_eq!(probe.call(&mut store, (0x1111,))?, (0,));
        assert_eq!(store.data().found, [0, 0, 0]);
        // What one call left behind is not what the next finds.
        assert_eq!(probe.call(&mut store, (0x1111,))?, (0,));
    }
    Ok(())
}

#[test]
fn of_another_store() -> Result<()> {
    for engine in engines() {
        // Three stores, each run by a host function of the one before, and in the middle one two
        // instances.
        let (innermost, instances) = instantiate(&engine, 1)?;
        let (mut middle, around) = instantiate(&engine, 2)?;
        middle.data_mut().next = vec![around[1]];
        middle.data_mut().other = Some(Box::new((innermost, instances[0])));
        let (mut store, outer) = instantiate(&engine, 1)?;
        store.data_mut().other = Some(Box::new((middle, around[0])));
        let probe = outer[0].get_typed_func::<(u32,), (u32,)>(&mut store, "probe")?;
        assert_eq!(probe.call(&mut store, (0x1111,))?, (0,));
        assert_eq!(store.data().found, [0, 0, 0]);
    }
    Ok(())
}

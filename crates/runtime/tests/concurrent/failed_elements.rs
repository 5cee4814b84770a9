//! Elements of streams and futures that can't be copied: what is said is why, whichever side moves them.

use super::setup::{block_on, yields};
use anyhow::{Error, Result};
use threadline::component::{Component, FutureReader, Instance, Linker, StreamReader};
use threadline::{Engine, Store, Trap};

/// Its `realloc` traps. `read` and `read-one` read a list, `write` and `write-one` give an end, and then
/// write a list into the other one that is where they are told.
const GUEST: &str = r#"(component
    (core module $Memory (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (alias core export $memory "realloc" (core func $realloc))
    (type $lists (stream (list u16)))
    (type $list (future (list u16)))
    (canon stream.read $lists (memory $m) (realloc $realloc) (core func $read))
    (canon stream.new $lists (core func $new))
    (canon stream.write $lists (memory $m) (core func $write))
    (canon future.read $list (memory $m) (realloc $realloc) (core func $read-one))
    (canon future.new $list (core func $new-one))
    (canon future.write $list (memory $m) (core func $write-one))
    (canon thread.yield (core func $yield))
    (canon task.return (core func $return))
    (canon task.return (result $lists) (core func $return-lists))
    (canon task.return (result $list) (core func $return-list))
    (core module $M
        (import "" "memory" (memory 1))
        (import "" "read" (func $read (param i32 i32 i32) (result i32)))
        (import "" "new" (func $new (result i64)))
        (import "" "write" (func $write (param i32 i32 i32) (result i32)))
        (import "" "read-one" (func $read-one (param i32 i32) (result i32)))
        (import "" "new-one" (func $new-one (result i64)))
        (import "" "write-one" (func $write-one (param i32 i32) (result i32)))
        (import "" "yield" (func $yield (result i32)))
        (import "" "return" (func $return))
        (import "" "return-lists" (func $return-lists (param i32)))
        (import "" "return-list" (func $return-list (param i32)))
        (func (export "read") (param $s i32)
            (drop (call $read (local.get $s) (i32.const 16) (i32.const 4)))
            (call $return))
        (func (export "read-one") (param $f i32)
            (drop (call $read-one (local.get $f) (i32.const 16)))
            (call $return))
        (func $list-at (param $address i32) (param $length i32) (result i32)
            (i32.store (i32.const 32) (local.get $address))
            (i32.store (i32.const 36) (local.get $length))
            (i32.const 32))
        (func (export "write") (param $address i32) (param $length i32) (local $ends i64)
            (local.set $ends (call $new))
            (call $return-lists (i32.wrap_i64 (local.get $ends)))
            (drop (call $yield))
            (drop (call $write (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32)))
                (call $list-at (local.get $address) (local.get $length)) (i32.const 1))))
        (func (export "write-one") (param $address i32) (param $length i32) (local $ends i64)
            (local.set $ends (call $new-one))
            (call $return-list (i32.wrap_i64 (local.get $ends)))
            (drop (call $yield))
            (drop (call $write-one (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32)))
                (call $list-at (local.get $address) (local.get $length))))))
    (core instance $i (instantiate $M (with "" (instance (export "memory" (memory $m))
        (export "read" (func $read)) (export "new" (func $new)) (export "write" (func $write))
        (export "read-one" (func $read-one)) (export "new-one" (func $new-one))
        (export "write-one" (func $write-one)) (export "yield" (func $yield))
        (export "return" (func $return)) (export "return-lists" (func $return-lists))
        (export "return-list" (func $return-list))))))
    (func (export "read") async (param "s" $lists) (canon lift (core func $i "read") async))
    (func (export "read-one") async (param "f" $list) (canon lift (core func $i "read-one") async))
    (func (export "write") async (param "address" u32) (param "length" u32) (result $lists)
        (canon lift (core func $i "write") async))
    (func (export "write-one") async (param "address" u32) (param "length" u32) (result $list)
        (canon lift (core func $i "write-one") async)))"#;

type Lists = StreamReader<Vec<u16>>;
type List = FutureReader<Vec<u16>>;

fn guest() -> Result<(Store<()>, Instance)> {
    let engine = Engine::default();
    let component = Component::new(&engine, GUEST)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
    Ok((store, instance))
}

#[track_caller]
fn assert_is(error: Error, expected: Trap) {
    let found = error.downcast_ref::<Trap>();
    assert_eq!(found, Some(&expected), "{error:?}");
}

/// Lists that can't be lifted, and what is wrong with them.
const WRONG: [(u32, u32, Trap); 3] = [
    (0xffff_fff0, 4, Trap::ListPointerOutOfBounds),
    (1, 1, Trap::UnalignedPointer),
    (0, 0x4000_0000, Trap::ListTooLong),
];

#[test]
fn a_realloc_that_traps_for_what_the_host_has_ready() -> Result<()> {
    let (mut store, instance) = guest()?;
    let read = instance.get_typed_func::<(Lists,), ()>(&mut store, "read")?;
    let stream = StreamReader::from_vec(&mut store, vec![vec![1, 2], vec![3]])?;
    let error = read.call(&mut store, (stream,)).unwrap_err();
    assert_is(error, Trap::Unreachable);

    let (mut store, instance) = guest()?;
    let read = instance.get_typed_func::<(List,), ()>(&mut store, "read-one")?;
    let future = FutureReader::new(&mut store, async { Ok(vec![1]) })?;
    let error = read.call(&mut store, (future,)).unwrap_err();
    assert_is(error, Trap::Unreachable);
    Ok(())
}

#[test]
fn a_realloc_that_traps_for_what_the_host_has_later() -> Result<()> {
    let (mut store, instance) = guest()?;
    let read = instance.get_typed_func::<(Lists,), ()>(&mut store, "read")?;
    let (mut sender, stream) = StreamReader::channel(&mut store, 2)?;
    let thread = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(1));
        let _ = block_on(sender.send(vec![1]));
    });
    let error = block_on(read.call_async(&mut store, (stream,))).unwrap_err();
    assert_is(error, Trap::Unreachable);
    thread.join().unwrap();

    let (mut store, instance) = guest()?;
    let read = instance.get_typed_func::<(List,), ()>(&mut store, "read-one")?;
    let future = FutureReader::new(&mut store, async {
        yields(3).await;
        Ok(vec![1])
    })?;
    let error = block_on(read.call_async(&mut store, (future,))).unwrap_err();
    assert_is(error, Trap::Unreachable);
    Ok(())
}

#[test]
fn a_list_of_a_stream_that_the_host_cannot_lift() -> Result<()> {
    for (address, length, expected) in WRONG {
        let (mut store, instance) = guest()?;
        let write = instance.get_typed_func::<(u32, u32), (Lists,)>(&mut store, "write")?;
        let (stream,) = write.call(&mut store, (address, length))?;
        let receiver = stream.receive(&mut store, 1)?;
        let run = block_on(store.run_concurrent(|_| yields(20)));
        assert_is(run.unwrap_err(), expected);
        assert_eq!(block_on(receiver.collect()), [[0u16; 0]; 0]);
        // Nothing is left that keeps the store from going on.
        block_on(store.run_concurrent(|_| yields(4)))?;
        assert_eq!(store.concurrency_counts().host_futures, 0);
    }
    Ok(())
}

#[test]
fn a_list_of_a_future_that_the_host_cannot_lift() -> Result<()> {
    for (address, length, expected) in WRONG {
        let (mut store, instance) = guest()?;
        let write = instance.get_typed_func::<(u32, u32), (List,)>(&mut store, "write-one")?;
        let (future,) = write.call(&mut store, (address, length))?;
        future.pipe(&mut store, |_, value| {
            assert!(value.is_none(), "there is no list");
            Ok(())
        })?;
        let run = block_on(store.run_concurrent(|_| yields(20)));
        assert_is(run.unwrap_err(), expected);
        block_on(store.run_concurrent(|_| yields(4)))?;
    }
    Ok(())
}

#[test]
fn a_list_that_one_guest_cannot_give_or_another_one_cannot_take() -> Result<()> {
    let taken = (0, 2, Trap::Unreachable);
    for (address, length, expected) in WRONG.into_iter().chain([taken]) {
        let (mut store, writer) = guest()?;
        let component = Component::new(store.engine(), GUEST)?;
        let reader = Linker::new(store.engine()).instantiate(&mut store, &component)?;
        let write = writer.get_typed_func::<(u32, u32), (Lists,)>(&mut store, "write")?;
        let read = reader.get_typed_func::<(Lists,), ()>(&mut store, "read")?;
        let (stream,) = write.call(&mut store, (address, length))?;
        assert_is(read.call(&mut store, (stream,)).unwrap_err(), expected);

        let (mut store, writer) = guest()?;
        let component = Component::new(store.engine(), GUEST)?;
        let reader = Linker::new(store.engine()).instantiate(&mut store, &component)?;
        let write = writer.get_typed_func::<(u32, u32), (List,)>(&mut store, "write-one")?;
        let read = reader.get_typed_func::<(List,), ()>(&mut store, "read-one")?;
        let (future,) = write.call(&mut store, (address, length))?;
        assert_is(read.call(&mut store, (future,)).unwrap_err(), expected);
    }
    Ok(())
}

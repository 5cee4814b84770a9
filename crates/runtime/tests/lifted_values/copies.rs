//! Copies of streams between guests whose elements are lifted on the way.

use anyhow::Result;
use threadline::component::{Component, Linker, StreamReader};
use threadline::{Config, Engine, Store};

/// The limit in these tests.
const LIMIT: usize = 1 << 20;

/// `write` gives a stream, and then writes elements at once that are one list of the same bytes; `read`
/// reads as many elements at once, and says what came of that. All lists of the reader's are one, too.
const GUEST: &str = r#"(component
    (core module $Memory (memory (export "memory") 8)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (alias core export $memory "realloc" (core func $realloc))
    (type $lists (stream (list u8)))
    (canon stream.read $lists (memory $m) (realloc $realloc) (core func $read))
    (canon stream.new $lists (core func $new))
    (canon stream.write $lists (memory $m) (core func $write))
    (canon thread.yield (core func $yield))
    (canon task.return (result u32) (core func $return))
    (canon task.return (result $lists) (core func $return-lists))
    (core module $M
        (import "" "memory" (memory 8))
        (import "" "read" (func $read (param i32 i32 i32) (result i32)))
        (import "" "new" (func $new (result i64)))
        (import "" "write" (func $write (param i32 i32 i32) (result i32)))
        (import "" "yield" (func $yield (result i32)))
        (import "" "return" (func $return (param i32)))
        (import "" "return-lists" (func $return-lists (param i32)))
        (func (export "read") (param $s i32) (param $count i32)
            (call $return (call $read (local.get $s) (i32.const 65536) (local.get $count))))
        (func (export "write") (param $count i32) (param $length i32)
            (local $ends i64) (local $i i32)
            (local.set $ends (call $new))
            (call $return-lists (i32.wrap_i64 (local.get $ends)))
            (drop (call $yield))
            (loop $each
                (i32.store offset=65540 (i32.shl (local.get $i) (i32.const 3)) (local.get $length))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $each (i32.lt_u (local.get $i) (local.get $count))))
            (drop (call $write (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32)))
                (i32.const 65536) (local.get $count)))))
    (core instance $i (instantiate $M (with "" (instance (export "memory" (memory $m))
        (export "read" (func $read)) (export "new" (func $new)) (export "write" (func $write))
        (export "yield" (func $yield)) (export "return" (func $return))
        (export "return-lists" (func $return-lists))))))
    (func (export "read") async (param "s" $lists) (param "count" u32) (result u32)
        (canon lift (core func $i "read") async))
    (func (export "write") async (param "count" u32) (param "length" u32) (result $lists)
        (canon lift (core func $i "write") async)))"#;

/// How many elements go from one guest to another at once.
fn copied(engine: &Engine, component: &Component, count: u32, length: u32) -> Result<u32> {
    type Lists = StreamReader<Vec<u8>>;
    let mut store = Store::new(engine, ());
    let linker = Linker::new(engine);
    let writer = linker.instantiate(&mut store, component)?;
    let reader = linker.instantiate(&mut store, component)?;
    let write = writer.get_typed_func::<(u32, u32), (Lists,)>(&mut store, "write")?;
    let read = reader.get_typed_func::<(Lists, u32), (u32,)>(&mut store, "read")?;
    let (stream,) = write.call(&mut store, (count, length))?;
    let (result,) = read.call(&mut store, (stream, count))?;
    // The low bits say whether there will be more.
    Ok(result >> 4)
}

#[test]
fn a_copy_between_guests_has_one_budget_however_it_is_cut_up() {
    let engine = Engine::new(Config::new().max_lifted_bytes(LIMIT)).unwrap();
    let component = Component::new(&engine, GUEST).unwrap();
    // Small elements are given back as the copy goes on, so there may be any number of them.
    assert_eq!(copied(&engine, &component, 50_000, 8).unwrap(), 50_000);
    assert_eq!(copied(&engine, &component, 3, 6_000).unwrap(), 3);
    // Any 64 of these fit, but a thousand don't.
    assert_eq!(copied(&engine, &component, 64, 200).unwrap(), 64);
    for (count, length) in [(1, 40_000), (8, 6_000), (1000, 200)] {
        let error = copied(&engine, &component, count, length).unwrap_err();
        let error = format!("{error:#}");
        assert!(
            error.contains("`Config::max_lifted_bytes`"),
            "{count} {length}: {error}"
        );
    }
}

//! Fuel and epochs while the host copies for a guest: elements of streams, characters of strings.

use anyhow::Result;
use threadline::component::{Component, Linker};
use threadline::{Config, Engine, Store, Trap, UpdateDeadline};

/// `run(n)`: one component writes `n` elements at once, and another reads them at once. The type may have
/// strings, which are empty.
fn stream_of(element: &str) -> String {
    let libc = r#"(core module $libc (memory (export "memory") 40)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
        (core instance $libc (instantiate $libc))
        (alias core export $libc "memory" (core memory $memory))
        (alias core export $libc "realloc" (core func $realloc))"#;
    format!(
        r#"(component
    (component $Writer
        {libc}
        (type $s (stream {element}))
        (core func $new (canon stream.new $s))
        (core func $write (canon stream.write $s (memory $memory) (realloc $realloc)))
        (core func $return (canon task.return (result $s)))
        (core module $m
            (import "" "new" (func $new (result i64)))
            (import "" "write" (func $write (param i32 i32 i32) (result i32)))
            (import "" "return" (func $return (param i32)))
            (func (export "give") (param $n i32) (local $ends i64)
                (local.set $ends (call $new))
                (call $return (i32.wrap_i64 (local.get $ends)))
                (drop (call $write (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32)))
                    (i32.const 0) (local.get $n)))))
        (core instance $i (instantiate $m (with "" (instance
            (export "new" (func $new)) (export "write" (func $write))
            (export "return" (func $return))))))
        (func (export "give") async (param "n" u32) (result $s)
            (canon lift (core func $i "give") async)))
    (component $Reader
        {libc}
        (type $s (stream {element}))
        (import "give" (func $give async (param "n" u32) (result $s)))
        (core func $give' (canon lower (func $give)))
        (core func $read (canon stream.read $s (memory $memory) (realloc $realloc)))
        (core module $m
            (import "" "give" (func $give (param i32) (result i32)))
            (import "" "read" (func $read (param i32 i32 i32) (result i32)))
            (func (export "run") (param $n i32) (result i32)
                (call $read (call $give (local.get $n)) (i32.const 0) (local.get $n))))
        (core instance $i (instantiate $m (with "" (instance
            (export "give" (func $give')) (export "read" (func $read))))))
        (func (export "run") async (param "n" u32) (result u32)
            (canon lift (core func $i "run"))))
    (instance $writer (instantiate $Writer))
    (instance $reader (instantiate $Reader (with "give" (func $writer "give"))))
    (export "run" (func $reader "run")))"#
    )
}

/// `run(n)`: one component passes a string of `n` zero characters, in one encoding, to another, which
/// has another.
fn string_from(from: &str, to: &str) -> String {
    format!(
        r#"(component
    (component $Callee
        (core module $m (memory (export "memory") 200)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "take") (param i32 i32)))
        (core instance $i (instantiate $m))
        (func (export "take") (param "s" string) (canon lift (core func $i "take")
            string-encoding={to} (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
    (component $Caller
        (import "take" (func $take (param "s" string)))
        (core module $libc (memory (export "memory") 200))
        (core instance $libc (instantiate $libc))
        (core func $take' (canon lower (func $take)
            string-encoding={from} (memory (core memory $libc "memory"))))
        (core module $m
            (import "" "take" (func $take (param i32 i32)))
            (func (export "run") (param $n i32) (result i32)
                (call $take (i32.const 0) (local.get $n))
                (i32.const 0)))
        (core instance $i (instantiate $m (with "" (instance (export "take" (func $take'))))))
        (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))
    (instance $callee (instantiate $Callee))
    (instance $caller (instantiate $Caller (with "take" (func $callee "take"))))
    (export "run" (func $caller "run")))"#
    )
}

fn run<T: Send>(store: &mut Store<T>, component: &Component, n: u32) -> Result<u32> {
    let linker = Linker::new(component.engine());
    let instance = linker.instantiate(&mut *store, component)?;
    let run = instance.get_typed_func::<(u32,), (u32,)>(&mut *store, "run")?;
    Ok(run.call(store, (n,))?.0)
}

/// What each of these costs, with as much fuel as it needs; and a little less is too little.
fn fuel_of(text: &str, counts: &[u32]) -> Vec<u64> {
    let engine = Engine::new(Config::new().consume_fuel(true)).unwrap();
    let component = Component::new(&engine, text).unwrap();
    let with_fuel = |fuel: u64, n: u32| {
        let mut store = Store::new(&engine, ());
        store.set_fuel(fuel).unwrap();
        let result = run(&mut store, &component, n);
        (result, fuel - store.get_fuel().unwrap())
    };
    let costs = counts.iter().map(|&n| {
        let (result, used) = with_fuel(1 << 40, n);
        result.unwrap();
        let error = with_fuel(used - used / 10 - 20, n).0.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::OutOfFuel), "{error:?}");
        used
    });
    costs.collect()
}

/// How often the epoch is looked at for so many.
fn looks_at_the_epoch(text: &str, n: u32) -> u64 {
    let engine = Engine::new(Config::new().epoch_interruption(true)).unwrap();
    let component = Component::new(&engine, text).unwrap();
    let mut store = Store::new(&engine, 0);
    // The deadline has always come.
    store.epoch_deadline_callback(|mut cx| {
        *cx.data_mut() += 1;
        Ok(UpdateDeadline::Continue(0))
    });
    run(&mut store, &component, n).unwrap();
    *store.data()
}

#[test]
fn elements_that_are_moved_as_bytes_cost_what_moving_bytes_costs() {
    for (element, size) in [("u8", 1), ("u64", 8), ("bool", 1), (r#"(tuple char)"#, 4)] {
        let costs = fuel_of(&stream_of(element), &[10_000, 20_000]);
        let units = 10_000 * size / 8;
        assert_eq!(costs[1] - costs[0], units, "{element}");
    }
}

#[test]
fn elements_that_are_lifted_and_lowered_cost_more() {
    for element in ["(tuple bool bool)", "(option u8)", "string"] {
        let costs = fuel_of(&stream_of(element), &[1_000, 2_000]);
        assert!(costs[1] - costs[0] >= 1_000 * 32, "{element}: {costs:?}");
    }
}

#[test]
fn a_copy_of_many_elements_looks_at_the_epoch_again_and_again() {
    for element in ["(tuple bool bool)", "(option u8)"] {
        let text = stream_of(element);
        let [few, many] = [64, 6_464].map(|n| looks_at_the_epoch(&text, n));
        assert_eq!(many - few, 100, "{element}");
    }
    let [few, many] = [64, 10_000].map(|n| looks_at_the_epoch(&stream_of("u8"), n));
    assert_eq!(many - few, 1);
}

#[test]
fn an_epoch_ends_a_copy() {
    let engine = Engine::new(Config::new().epoch_interruption(true)).unwrap();
    let component = Component::new(&engine, stream_of("(tuple bool bool)")).unwrap();
    let mut store = Store::new(&engine, 0);
    store.epoch_deadline_callback(|mut cx| {
        *cx.data_mut() += 1;
        match *cx.data() {
            50 => Ok(UpdateDeadline::Interrupt),
            _ => Ok(UpdateDeadline::Continue(0)),
        }
    });
    let error = run(&mut store, &component, 100_000).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::Interrupt), "{error:?}");
    assert_eq!(*store.data(), 50);
}

#[test]
fn characters_cost_what_moving_bytes_costs() {
    let encodings = [("utf8", 1), ("utf16", 2), ("latin1+utf16", 1)];
    for (from, size) in encodings {
        for (to, _) in encodings {
            let costs = fuel_of(&string_from(from, to), &[100_000, 1_100_000]);
            let least = 1_000_000 * size / 8;
            let used = costs[1] - costs[0];
            // Some are looked at twice, and some are in utf-16 in between.
            assert!(
                (least..=4 * least + 100).contains(&used),
                "{from} {to}: {used}"
            );
        }
    }
}

#[test]
fn few_elements_and_characters_cost_nothing() {
    for text in [stream_of("u8"), string_from("utf8", "utf8")] {
        let costs = fuel_of(&text, &[600, 1000]);
        assert_eq!(costs[0], costs[1]);
    }
}

//! Calls from component to component: what the runtime adds to the adapters that are compiled for
//! them.

use threadline::component::{Component, Instance, Linker, Val};
use threadline::{Config, ContextLowering, Engine, Store, Trap};

fn under_every_lowering(test: impl Fn(&Engine)) {
    for lowering in ContextLowering::ALL {
        let mut config = Config::new();
        config.context_lowering(lowering);
        let engine = Engine::new(&config).expect("a supported host");
        eprintln!("lowering: {lowering}");
        test(&engine);
    }
}

fn instantiate(engine: &Engine, text: &str) -> (Store<()>, Instance) {
    let component = Component::new(engine, text).expect("a valid component");
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine)
        .instantiate(&mut store, &component)
        .expect("no imports");
    (store, instance)
}

/// A component that passes the string that lies at an address of one inner component's memory to
/// another, whose `realloc` gives the address 512; the result is what the host reads there.
const STRINGS: &str = r#"(component
    (component $callee
        (core module $m
            (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 512))
            (func (export "take") (param i32 i32)
                (i32.store (i32.const 16) (local.get 0))
                (i32.store (i32.const 20) (local.get 1)))
            (func (export "taken") (result i32) (i32.const 16)))
        (core instance $i (instantiate $m))
        (func (export "take") (param "s" string)
            (canon lift (core func $i "take") (memory (core memory $i "memory"))
                (realloc (core func $i "realloc"))))
        (func (export "taken") (result string)
            (canon lift (core func $i "taken") (memory (core memory $i "memory")))))
    (component $caller
        (import "take" (func $take (param "s" string)))
        (core module $memory
            (memory (export "memory") 1)
            (data (i32.const 100) "gr\c3\bc\c3\9fe")
            (data (i32.const 200) "\ff")
            (data (i32.const 999) "\ff")
            (data (i32.const 1000) "LETTERS")
            (data (i32.const 1600) "\ff")
            (data (i32.const 2000) "12345678901234567890\c3\bc12345678901234567890")
            (data (i32.const 65535) "\c3"))
        (core instance $memory (instantiate $memory))
        (core func $take' (canon lower (func $take) (memory (core memory $memory "memory"))))
        (core module $m
            (import "" "take" (func $take (param i32 i32)))
            (func (export "pass") (param i32 i32) (call $take (local.get 0) (local.get 1))))
        (core instance $i (instantiate $m (with "" (instance (export "take" (func $take'))))))
        (func (export "pass") (param "at" u32) (param "length" u32)
            (canon lift (core func $i "pass"))))
    (instance $callee (instantiate $callee))
    (instance $caller (instantiate $caller (with "take" (func $callee "take"))))
    (export "pass" (func $caller "pass"))
    (export "taken" (func $callee "taken"))
)"#;

/// 600 different-looking bytes of ASCII, at 1000.
fn letters() -> String {
    (0..600_u32)
        .map(|i| char::from(b'a' + (i * i % 23) as u8))
        .collect()
}

fn strings() -> String {
    STRINGS.replace("LETTERS", &letters())
}

fn pass(at: u32, length: u32) -> anyhow::Result<String> {
    let (mut store, instance) = instantiate(&Engine::default(), &strings());
    let pass = instance.get_typed_func::<(u32, u32), ()>(&mut store, "pass")?;
    pass.call(&mut store, (at, length))?;
    let taken = instance.get_typed_func::<(), (String,)>(&mut store, "taken")?;
    Ok(taken.call(&mut store, ())?.0)
}

#[test]
fn strings_are_copied_from_memory_to_memory() {
    assert_eq!(pass(100, 7).expect("utf-8"), "grüße");
    assert_eq!(pass(100, 0).expect("utf-8"), "");
    assert_eq!(pass(65536, 0).expect("at the end"), "");
}

#[test]
fn texts_of_every_length_are_copied() -> anyhow::Result<()> {
    let (mut store, instance) = instantiate(&Engine::default(), &strings());
    let pass = instance.get_typed_func::<(u32, u32), ()>(&mut store, "pass")?;
    let taken = instance.get_typed_func::<(), (String,)>(&mut store, "taken")?;
    let letters = letters();
    for length in (0..=70).chain(500..=520) {
        pass.call(&mut store, (1000, length))?;
        let (found,) = taken.call(&mut store, ())?;
        assert_eq!(found, letters[..length as usize], "{length}");
    }
    let text = "12345678901234567890ü12345678901234567890";
    for start in 0..=20_usize {
        for end in 22..=text.len() {
            pass.call(&mut store, (2000 + start as u32, (end - start) as u32))?;
            let (found,) = taken.call(&mut store, ())?;
            assert_eq!(found, text[start..end]);
        }
    }
    Ok(())
}

#[test]
fn a_byte_that_is_no_utf_8_is_found_at_either_end() {
    for length in [1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65, 511, 512] {
        for at in [999, 1601 - length] {
            let error = pass(at, length).expect_err("no string");
            let found = error.downcast_ref();
            assert_eq!(found, Some(&Trap::InvalidUtf8), "{at}+{length}: {error:?}");
        }
    }
}

#[test]
fn strings_that_are_none_are_traps() {
    for (at, length, trap) in [
        (200, 1, Trap::InvalidUtf8),
        (65535, 1, Trap::IncompleteUtf8),
        (100, 3, Trap::IncompleteUtf8),
        (65535, 2, Trap::StringPointerOutOfBounds),
        (65537, 0, Trap::StringPointerOutOfBounds),
        (u32::MAX, 1, Trap::StringPointerOutOfBounds),
    ] {
        let error = pass(at, length).expect_err("no string");
        assert_eq!(
            error.downcast_ref(),
            Some(&trap),
            "{at}+{length}: {error:?}"
        );
    }
}

#[test]
fn a_trap_locks_all_that_is_nested_in_the_same_root() {
    let (mut store, instance) = instantiate(&Engine::default(), STRINGS);
    let other = {
        let component = Component::new(store.engine(), STRINGS).expect("a valid component");
        Linker::new(component.engine())
            .instantiate(&mut store, &component)
            .expect("no imports")
    };
    let call = |store: &mut Store<()>, instance: Instance, at| {
        let func = instance.get_func(&mut *store, "pass").expect("an export");
        func.call(store, &[Val::U32(at), Val::U32(1)], &mut [])
    };
    call(&mut store, instance, 200).expect_err("not utf-8");
    let taken = instance.get_func(&mut store, "taken").expect("an export");
    let error = taken
        .call(&mut store, &[], &mut [Val::Bool(false)])
        .expect_err("locked");
    assert_eq!(error.downcast_ref(), Some(&Trap::CannotEnterComponent));
    call(&mut store, other, 100).expect("another instance");
}

#[test]
fn a_callees_slots_are_its_own_and_the_callers_come_back() {
    let text = r#"(component
        (component $callee
            (core func $get (canon context.get i32 0))
            (core func $set (canon context.set i32 0))
            (core module $m
                (import "" "get" (func $get (result i32)))
                (import "" "set" (func $set (param i32)))
                (func (export "f") (result i32)
                    (call $get)
                    (call $set (i32.const 500))))
            (core instance $i (instantiate $m (with "" (instance
                (export "get" (func $get)) (export "set" (func $set))))))
            (func (export "f") (result u32) (canon lift (core func $i "f"))))
        (component $caller
            (import "f" (func $f (result u32)))
            (core func $f' (canon lower (func $f)))
            (core func $get (canon context.get i32 0))
            (core func $set (canon context.set i32 0))
            (core module $m
                (import "" "get" (func $get (result i32)))
                (import "" "set" (func $set (param i32)))
                (import "" "f" (func $f (result i32)))
                (func (export "run") (result i32)
                    (call $set (i32.const 7))
                    ;; what the callee saw, times 1000, and our own
                    (i32.add (i32.mul (call $f) (i32.const 1000)) (call $get))))
            (core instance $i (instantiate $m (with "" (instance
                (export "get" (func $get)) (export "set" (func $set))
                (export "f" (func $f'))))))
            (func (export "run") (result u32) (canon lift (core func $i "run"))))
        (instance $callee (instantiate $callee))
        (instance $caller (instantiate $caller (with "f" (func $callee "f"))))
        (export "run" (func $caller "run"))
    )"#;
    under_every_lowering(|engine| {
        let (mut store, instance) = instantiate(engine, text);
        let run = instance
            .get_typed_func::<(), (u32,)>(&mut store, "run")
            .expect("the right types");
        for _ in 0..2 {
            assert_eq!(run.call(&mut store, ()).expect("no trap"), (7,));
        }
    });
}

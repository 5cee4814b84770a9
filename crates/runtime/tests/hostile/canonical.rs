//! Guests that lie in the canonical ABI: to the host, and through adapters to each other.

use super::{engines, trap};
use anyhow::Result;
use threadline::component::{Component, ComponentNamedList, Instance, Lift, Linker, Lower, Val};
use threadline::{Engine, Store, Trap};

/// A component whose `realloc` and results are what it was told by `tell(realloc, pointer, length)`:
/// `realloc` gives `realloc`; strings and pointers are at `pointer`, `length` bytes long.
const LIAR: &str = r#"
    (core module $liar-module
        (memory (export "memory") 1)
        (global $realloc (mut i32) (i32.const 0))
        (global $pointer (mut i32) (i32.const 0))
        (global $length (mut i32) (i32.const 0))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (global.get $realloc))
        (func (export "tell") (param i32 i32 i32)
            (global.set $realloc (local.get 0))
            (global.set $pointer (local.get 1))
            (global.set $length (local.get 2)))
        (func (export "take") (param i32 i32))
        (func (export "take-many") (param i32))
        (func (export "give") (result i32)
            (i32.store (i32.const 16) (global.get $pointer))
            (i32.store (i32.const 20) (global.get $length))
            (i32.const 16))
        (func (export "give-at") (result i32) (global.get $pointer)))
    (core instance $liar (instantiate $liar-module))
"#;

const LIFTS: &str = r#"
    (func (export "tell") (param "realloc" u32) (param "pointer" u32) (param "length" u32)
        (canon lift (core func $liar "tell")))
    (func (export "take") (param "s" string) (canon lift (core func $liar "take")
        (memory (core memory $liar "memory")) (realloc (core func $liar "realloc"))))
    (func (export "take-many")
        (param "a" string) (param "b" string) (param "c" string) (param "d" string)
        (param "e" string) (param "f" string) (param "g" string) (param "h" string)
        (param "i" string)
        (canon lift (core func $liar "take-many")
            (memory (core memory $liar "memory")) (realloc (core func $liar "realloc"))))
    (func (export "give") (result string)
        (canon lift (core func $liar "give") (memory (core memory $liar "memory"))))
    (func (export "give-at") (result string)
        (canon lift (core func $liar "give-at") (memory (core memory $liar "memory"))))
    (func (export "give-bytes") (result (list u8))
        (canon lift (core func $liar "give") (memory (core memory $liar "memory"))))
"#;

/// A pointer past its end, and other places that are none.
const OUTSIDE: [u32; 6] = [65536, 65537, 1 << 31, (1 << 31) - 1, u32::MAX - 7, u32::MAX];

struct Guest {
    store: Store<()>,
    instance: Instance,
}

impl Guest {
    fn new(component: &Component) -> Result<Guest> {
        let engine = component.engine();
        let mut store = Store::new(engine, ());
        let instance = Linker::new(engine).instantiate(&mut store, component)?;
        Ok(Guest { store, instance })
    }

    fn call<P, R>(&mut self, name: &str, params: P) -> Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let func = self
            .instance
            .get_typed_func::<P, R>(&mut self.store, name)?;
        func.call(&mut self.store, params)
    }

    fn tell(&mut self, realloc: u32, pointer: u32, length: u32) -> Result<()> {
        self.call("tell", (realloc, pointer, length))
    }
}

#[test]
fn realloc_can_not_have_the_host_write_elsewhere() -> Result<()> {
    let text = format!("(component {LIAR} {LIFTS})");
    for engine in engines() {
        let component = Component::new(&engine, &text)?;
        for outside in OUTSIDE {
            let mut guest = Guest::new(&component)?;
            guest.tell(outside, 0, 0)?;
            let result = guest.call::<_, ()>("take", ("x",));
            assert_eq!(trap(result), Trap::ReallocOutOfBounds, "{outside}");
            // Locked, once and for all.
            let result = guest.call::<_, ()>("take", ("x",));
            assert_eq!(trap(result), Trap::CannotEnterComponent);
        }
        let mut guest = Guest::new(&component)?;
        for fits in [0, 1, 65533] {
            guest.tell(fits, 0, 0)?;
            guest.call::<_, ()>("take", ("abc",))?;
        }
        // At the very end there is room for nothing.
        guest.tell(65536, 0, 0)?;
        guest.call::<_, ()>("take", ("",))?;
        guest.tell(65534, 0, 0)?;
        assert_eq!(
            trap(guest.call::<_, ()>("take", ("abc",))),
            Trap::ReallocOutOfBounds
        );
    }
    Ok(())
}

#[test]
fn realloc_of_a_parameter_area_must_be_aligned_and_in_bounds() -> Result<()> {
    let text = format!("(component {LIAR} {LIFTS})");
    let component = Component::new(&Engine::default(), &text)?;
    let call = |realloc: u32| {
        let mut guest = Guest::new(&component)?;
        guest.tell(realloc, 0, 0)?;
        let func = guest.instance.get_func(&mut guest.store, "take-many");
        let params = vec![Val::String("x".to_owned()); 9];
        func.expect("an export")
            .call(&mut guest.store, &params, &mut [])
    };
    for misaligned in [1, 2, 3, 65533, u32::MAX] {
        let found = trap(call(misaligned));
        assert_eq!(found, Trap::ReallocUnaligned, "{misaligned}");
    }
    for outside in [65536 - 68, 65536, 1 << 31, u32::MAX - 3] {
        let found = trap(call(outside));
        assert_eq!(found, Trap::ReallocOutOfBounds, "{outside}");
    }
    // The area and every string lie over each other: the guest's own loss.
    call(0)?;
    call(65536 - 72)?;
    Ok(())
}

#[test]
fn results_out_of_bounds_are_traps_and_take_no_memory() -> Result<()> {
    let text = format!("(component {LIAR} {LIFTS})");
    for engine in engines() {
        let component = Component::new(&engine, &text)?;
        let lie = |name: &str, pointer, length| {
            let mut guest = Guest::new(&component)?;
            guest.tell(0, pointer, length)?;
            guest.call::<_, (String,)>(name, ())
        };
        for (pointer, length, expected) in [
            (65536, 1, Trap::StringPointerOutOfBounds),
            (65535, 2, Trap::StringPointerOutOfBounds),
            (u32::MAX, 1, Trap::StringPointerOutOfBounds),
            (u32::MAX, 0, Trap::StringPointerOutOfBounds),
            (1, (1 << 28) - 1, Trap::StringPointerOutOfBounds),
            (0, 1 << 28, Trap::ListTooLong),
            (0, 1 << 31, Trap::ListTooLong),
            (16, u32::MAX, Trap::ListTooLong),
            (u32::MAX, u32::MAX, Trap::ListTooLong),
        ] {
            let found = trap(lie("give", pointer, length));
            assert_eq!(found, expected, "{length} at {pointer}");
        }
        assert_eq!(lie("give", 65536, 0)?.0, "");
        for (pointer, expected) in [
            (1, Trap::UnalignedPointer),
            (u32::MAX, Trap::UnalignedPointer),
            (65532, Trap::CanonicalOutOfBounds),
            (65536, Trap::CanonicalOutOfBounds),
            (u32::MAX - 3, Trap::CanonicalOutOfBounds),
        ] {
            assert_eq!(trap(lie("give-at", pointer, 0)), expected, "{pointer}");
        }
        let bytes = |pointer, length| {
            let mut guest = Guest::new(&component)?;
            guest.tell(0, pointer, length)?;
            guest.call::<_, (Vec<u8>,)>("give-bytes", ())
        };
        for (pointer, length, expected) in [
            (65535, 2, Trap::ListPointerOutOfBounds),
            (0, u32::MAX, Trap::ListTooLong),
        ] {
            assert_eq!(trap(bytes(pointer, length)), expected);
        }
    }
    Ok(())
}

/// The liar inside another component, which passes strings to it and takes them from it.
fn between_guests() -> String {
    format!(
        r#"(component
    (component $inner {LIAR} {LIFTS})
    (instance $inner (instantiate $inner))
    (core module $memory
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
    (core instance $memory (instantiate $memory))
    (core func $take (canon lower (func $inner "take") (memory (core memory $memory "memory"))))
    (core func $give (canon lower (func $inner "give")
        (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
    (core func $give-at (canon lower (func $inner "give-at")
        (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
    (core module $m
        (import "" "take" (func $take (param i32 i32)))
        (import "" "give" (func $give (param i32)))
        (import "" "give-at" (func $give-at (param i32)))
        (func (export "take") (param i32 i32) (call $take (local.get 0) (local.get 1)))
        (func (export "give") (param i32) (call $give (local.get 0)))
        (func (export "give-at") (param i32) (call $give-at (local.get 0))))
    (core instance $m (instantiate $m (with "" (instance
        (export "take" (func $take)) (export "give" (func $give))
        (export "give-at" (func $give-at))))))
    (func (export "tell") (param "realloc" u32) (param "pointer" u32) (param "length" u32)
        (canon lift (core func $tell)))
    (func (export "take") (param "pointer" u32) (param "length" u32)
        (canon lift (core func $m "take")))
    (func (export "give") (param "to" u32) (canon lift (core func $m "give")))
    (func (export "give-at") (param "to" u32) (canon lift (core func $m "give-at"))))"#
    )
    .replace(
        "(core module $m\n",
        r#"(core func $tell' (canon lower (func $inner "tell")))
    (core module $tell (import "" "tell" (func $tell (param i32 i32 i32)))
        (func (export "tell") (param i32 i32 i32)
            (call $tell (local.get 0) (local.get 1) (local.get 2))))
    (core instance $tell (instantiate $tell
        (with "" (instance (export "tell" (func $tell'))))))
    (alias core export $tell "tell" (core func $tell))
    (core module $m
"#,
    )
}

#[test]
fn adapters_trust_neither_side() -> Result<()> {
    let text = between_guests();
    for engine in engines() {
        let component = Component::new(&engine, &text)?;
        let call = |realloc, (pointer, length), name: &str, argument: &[u32]| {
            let mut guest = Guest::new(&component)?;
            guest.tell(realloc, pointer, length)?;
            match *argument {
                [to] => guest.call::<_, ()>(name, (to,)),
                [pointer, length] => guest.call::<_, ()>(name, (pointer, length)),
                _ => unreachable!("one or two"),
            }
        };
        // The callee's realloc.
        for outside in OUTSIDE {
            let result = call(outside, (0, 0), "take", &[0, 1]);
            assert_eq!(trap(result), Trap::ReallocOutOfBounds, "{outside}");
        }
        call(65535, (0, 0), "take", &[65535, 1])?;
        // The caller's string.
        for (pointer, length) in [
            (65536, 1),
            (65535, 2),
            (u32::MAX, 1),
            (1, u32::MAX),
            (u32::MAX, u32::MAX),
            (0, 1 << 31),
            (1 << 31, 1 << 31),
        ] {
            let result = call(0, (0, 0), "take", &[pointer, length]);
            let found = trap(result);
            assert!(
                matches!(found, Trap::StringPointerOutOfBounds | Trap::ListTooLong),
                "{length} at {pointer}: {found}"
            );
            // The callee's result.
            let result = call(0, (pointer, length), "give", &[0]);
            let found = trap(result);
            assert!(
                matches!(found, Trap::StringPointerOutOfBounds | Trap::ListTooLong),
                "{length} at {pointer}: {found}"
            );
        }
        // Where the callee says its result is, and where the caller wants it.
        for pointer in [1, 2, 65530, 65532, 65536, 1 << 31, u32::MAX - 3, u32::MAX] {
            let from = trap(call(0, (pointer, 0), "give-at", &[0]));
            let to = trap(call(0, (0, 0), "give", &[pointer]));
            for found in [from, to] {
                assert!(
                    matches!(
                        found,
                        Trap::UnalignedPointer
                            | Trap::CanonicalOutOfBounds
                            | Trap::MemoryOutOfBounds
                    ),
                    "{pointer}: {found}"
                );
            }
        }
        call(0, (0, 4), "give", &[65528])?;
    }
    Ok(())
}

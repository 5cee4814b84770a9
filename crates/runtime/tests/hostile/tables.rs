//! Tables: calls through them, and growing them.

use super::{engines, trap};
use anyhow::Result;
use threadline::{Instance, Module, Store, Trap};

const TEXT: &str = r#"(module
    (type $none (func))
    (type $one (func (result i32)))
    (type $other (func (param i64)))
    (table $t (export "t") 4 funcref)
    (table $bounded 1 3 funcref)
    (elem (table $t) (i32.const 0) func $f $g)
    (func $f)
    (func $g (result i32) (i32.const 5))
    (func (export "call") (param i32) (call_indirect $t (type $none) (local.get 0)))
    (func (export "call-one") (param i32) (result i32)
        (call_indirect $t (type $one) (local.get 0)))
    (func (export "call-other") (param i32)
        (call_indirect $t (type $other) (i64.const 0) (local.get 0)))
    (func (export "grow") (param i32) (result i32)
        (table.grow $t (ref.func $f) (local.get 0)))
    (func (export "grow-bounded") (param i32) (result i32)
        (table.grow $bounded (ref.null func) (local.get 0)))
    (func (export "get") (param i32) (drop (table.get $t (local.get 0))))
    (func (export "set") (param i32) (table.set $t (local.get 0) (ref.null func)))
    (func (export "size") (result i32) (table.size $t))
    (elem declare func $f))"#;

#[test]
fn a_call_through_a_table_is_checked() -> Result<()> {
    for engine in engines() {
        let module = Module::new(&engine, TEXT)?;
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let call = instance.get_typed_func::<i32, ()>(&mut store, "call")?;
        let one = instance.get_typed_func::<i32, i32>(&mut store, "call-one")?;
        let other = instance.get_typed_func::<i32, ()>(&mut store, "call-other")?;
        call.call(&mut store, 0)?;
        assert_eq!(one.call(&mut store, 1)?, 5);
        let mismatch = Trap::IndirectCallTypeMismatch;
        assert_eq!(trap(call.call(&mut store, 1)), mismatch);
        assert_eq!(trap(one.call(&mut store, 0)), mismatch);
        assert_eq!(trap(other.call(&mut store, 0)), mismatch);
        for null in [2, 3] {
            assert_eq!(
                trap(call.call(&mut store, null)),
                Trap::UninitializedElement
            );
        }
        for outside in [4, 5, 1 << 28, 1 << 29, i32::MAX, i32::MIN, -4, -1] {
            assert_eq!(trap(call.call(&mut store, outside)), Trap::UndefinedElement);
            for access in ["get", "set"] {
                let access = instance.get_typed_func::<i32, ()>(&mut store, access)?;
                let result = access.call(&mut store, outside);
                assert_eq!(trap(result), Trap::TableOutOfBounds);
            }
        }
    }
    Ok(())
}

#[test]
fn a_table_grows_to_its_limit_and_no_further() -> Result<()> {
    for engine in engines() {
        let module = Module::new(&engine, TEXT)?;
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow")?;
        for huge in [-1, i32::MIN, i32::MAX, 10_000_000, 9_999_997] {
            assert_eq!(grow.call(&mut store, huge)?, -1);
        }
        assert_eq!(grow.call(&mut store, 100_000)?, 4);
        let call = instance.get_typed_func::<i32, ()>(&mut store, "call")?;
        call.call(&mut store, 100_003)?;
        assert_eq!(trap(call.call(&mut store, 100_004)), Trap::UndefinedElement);
        call.call(&mut store, 0)?;
        let bounded = instance.get_typed_func::<i32, i32>(&mut store, "grow-bounded")?;
        for (delta, old) in [(3, -1), (-1, -1), (2, 1), (1, -1), (0, 3)] {
            assert_eq!(bounded.call(&mut store, delta)?, old);
        }
    }
    Ok(())
}

#[test]
fn a_table_too_large_is_refused_before_memory_is_taken() -> Result<()> {
    for engine in engines().take(1) {
        for minimum in [10_000_001_u64, 1 << 31, u64::from(u32::MAX)] {
            let text = format!("(module (table {minimum} funcref))");
            let mut store = Store::new(&engine, ());
            let error = Module::new(&engine, text)
                .and_then(|module| Instance::new(&mut store, &module, &[]))
                .expect_err("too large");
            assert_eq!(
                format!("{error:#}"),
                format!("table minimum size of {minimum} elements exceeds the limit of 10000000")
            );
        }
    }
    Ok(())
}

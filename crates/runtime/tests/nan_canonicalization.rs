//! Where it is asked for, whatever computes a NaN computes the canonical one.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use std::fmt::Write as _;
use threadline::{Config, Engine, Instance, Module, OptLevel, Store, WasmParams, WasmResults};

const NAN32: u32 = 0x7fc0_0000;
const NAN64: u64 = 0x7ff8_0000_0000_0000;
/// Negative, and with a payload.
const ODD32: u32 = 0xffc1_2345;
const ODD64: u64 = 0xfff8_1234_5678_9abc;

const UNARY: [&str; 5] = ["ceil", "floor", "trunc", "nearest", "sqrt"];
const BINARY: [&str; 6] = ["add", "sub", "mul", "div", "min", "max"];
/// They are about the sign alone.
const SIGN: [&str; 2] = ["neg", "abs"];

/// A function for each operator, named after it, from the operands' bits to the result's. Vectors
/// have equal lanes, and the result is the last.
fn module() -> String {
    let mut text = String::from("(module\n");
    for (float, int, vector, lane) in [("f32", "i32", "f32x4", 3), ("f64", "i64", "f64x2", 1)] {
        let splat = format!("{vector}.splat");
        let extract = format!("{vector}.extract_lane {lane}");
        for (ty, splat, extract) in [(float, "", ""), (vector, &splat, &extract)] {
            let operand = format!("(local.get 0) {float}.reinterpret_{int} {splat} ");
            let unary = UNARY.iter().chain(&SIGN).map(|name| (name, 1));
            for (name, count) in unary.chain(BINARY.iter().map(|name| (name, 2))) {
                let operands = operand.repeat(count);
                writeln!(
                    text,
                    r#"(func (export "{ty}.{name}") (param {int}) (result {int})
                        {operands} {ty}.{name} {extract} {int}.reinterpret_{float})"#
                )
                .unwrap();
            }
        }
    }
    text + r#"
        (func (export "demote") (param i64) (result i32)
            (i32.reinterpret_f32 (f32.demote_f64 (f64.reinterpret_i64 (local.get 0)))))
        (func (export "promote") (param i32) (result i64)
            (i64.reinterpret_f64 (f64.promote_f32 (f32.reinterpret_i32 (local.get 0)))))
        (func (export "demote-vector") (param i64) (result i32)
            (f32x4.demote_f64x2_zero (f64x2.splat (f64.reinterpret_i64 (local.get 0))))
            f32x4.extract_lane 1 i32.reinterpret_f32)
        (func (export "promote-vector") (param i32) (result i64)
            (f64x2.promote_low_f32x4 (f32x4.splat (f32.reinterpret_i32 (local.get 0))))
            f64x2.extract_lane 1 i64.reinterpret_f64)
        (func (export "zero-by-zero") (result i32)
            (i32.reinterpret_f32 (f32.div (f32.const 0) (f32.const 0))))
        (func (export "constant") (result i64)
            (i64.reinterpret_f64 (f64.const -nan:0x8123456789abc)))
        (func (export "same") (param f32) (result f32) (local.get 0)))"#
}

fn with_instance(check: impl Fn(&mut Store<()>, &Instance)) {
    for level in [OptLevel::None, OptLevel::Speed] {
        let mut config = Config::new();
        config
            .cranelift_nan_canonicalization(true)
            .cranelift_opt_level(level);
        let engine = Engine::new(&config).unwrap();
        let module = Module::new(&engine, module()).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        check(&mut store, &instance);
    }
}

/// What a function makes of the bits it is given.
fn call<P: WasmParams, R: WasmResults>(
    store: &mut Store<()>,
    instance: &Instance,
    name: &str,
    params: P,
) -> R {
    let func = instance.get_typed_func::<P, R>(&mut *store, name).unwrap();
    func.call(store, params).unwrap()
}

#[test]
fn arithmetic_gives_the_canonical_nan() {
    with_instance(|store, instance| {
        for name in UNARY.iter().chain(&BINARY) {
            for ty in ["f32", "f32x4"] {
                let name = format!("{ty}.{name}");
                let result: u32 = call(store, instance, &name, ODD32);
                assert_eq!(result, NAN32, "{name}: {result:x}");
            }
            for ty in ["f64", "f64x2"] {
                let name = format!("{ty}.{name}");
                let result: u64 = call(store, instance, &name, ODD64);
                assert_eq!(result, NAN64, "{name}: {result:x}");
            }
        }
        assert_eq!(call::<_, u32>(store, instance, "zero-by-zero", ()), NAN32);
    });
}

#[test]
fn conversions_give_the_canonical_nan() {
    with_instance(|store, instance| {
        for name in ["demote", "demote-vector"] {
            let result: u32 = call(store, instance, name, ODD64);
            assert_eq!(result, NAN32, "{name}: {result:x}");
        }
        for name in ["promote", "promote-vector"] {
            let result: u64 = call(store, instance, name, ODD32);
            assert_eq!(result, NAN64, "{name}: {result:x}");
        }
    });
}

#[test]
fn what_computes_nothing_keeps_all_bits() {
    with_instance(|store, instance| {
        for ty in ["f32", "f32x4"] {
            let neg = call::<_, u32>(store, instance, &format!("{ty}.neg"), ODD32);
            assert_eq!(neg, ODD32 ^ (1 << 31));
            let abs = call::<_, u32>(store, instance, &format!("{ty}.abs"), ODD32);
            assert_eq!(abs, ODD32 ^ (1 << 31));
        }
        for ty in ["f64", "f64x2"] {
            let neg = call::<_, u64>(store, instance, &format!("{ty}.neg"), ODD64);
            assert_eq!(neg, ODD64 ^ (1 << 63));
            let abs = call::<_, u64>(store, instance, &format!("{ty}.abs"), ODD64);
            assert_eq!(abs, ODD64 ^ (1 << 63));
        }
        let constant: u64 = call(store, instance, "constant", ());
        assert_eq!(constant, 0xfff8_1234_5678_9abc);
        let same: f32 = call(store, instance, "same", f32::from_bits(ODD32));
        assert_eq!(same.to_bits(), ODD32);
    });
}

//! Core wasm values: from a script's constants, and against a script's expectations.

use anyhow::{Result, bail};
use std::fmt::Write as _;
use threadline::{ExternRef, Store, V128, Val};
use wast::core::{
    AbstractHeapType, HeapType, NanPattern, V128Const, V128Pattern, WastArgCore, WastRetCore,
};
use wast::token::{F32, F64};

/// An argument as a value.
pub(crate) fn from_arg(store: &mut Store<()>, arg: &WastArgCore<'_>) -> Result<Val> {
    Ok(match arg {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(V128::from(lanes_to_u128(value))),
        WastArgCore::RefNull(heap_type) => null_of(heap_type)?,
        WastArgCore::RefExtern(number) => Val::ExternRef(Some(ExternRef::new(store, *number))),
        WastArgCore::RefHost(_) => bail!("`ref.host` needs the GC proposal, not supported yet"),
    })
}

/// Whether a result is what a script expects; the error says how it differs.
pub(crate) fn check(store: &Store<()>, actual: &Val, expected: &WastRetCore<'_>) -> Result<()> {
    if matches(store, actual, expected)? {
        return Ok(());
    }
    bail!(
        "expected {}, got {}",
        describe_expected(expected),
        describe(actual)
    )
}

/// A value as a script would write it.
pub(crate) fn describe(value: &Val) -> String {
    match value {
        Val::I32(value) => format!("(i32.const {value})"),
        Val::I64(value) => format!("(i64.const {value})"),
        Val::F32(bits) => format!("(f32.const {:?}) [{bits:#010x}]", f32::from_bits(*bits)),
        Val::F64(bits) => format!("(f64.const {:?}) [{bits:#018x}]", f64::from_bits(*bits)),
        Val::V128(value) => format!("(v128.const i64x2{})", hex_lanes(value.as_u128())),
        Val::FuncRef(None) => "(ref.null func)".to_owned(),
        Val::FuncRef(Some(_)) => "(ref.func)".to_owned(),
        Val::ExternRef(None) => "(ref.null extern)".to_owned(),
        Val::ExternRef(Some(_)) => "(ref.extern)".to_owned(),
        Val::ExnRef(None) => "(ref.null exn)".to_owned(),
        Val::ExnRef(Some(_)) => "(ref.exn)".to_owned(),
    }
}

/// The null of a heap type. Types by number are function types: others are not built.
fn null_of(heap_type: &HeapType<'_>) -> Result<Val> {
    match heap_type {
        HeapType::Abstract {
            shared: false,
            ty: AbstractHeapType::Func | AbstractHeapType::NoFunc,
        }
        | HeapType::Concrete(_) => Ok(Val::FuncRef(None)),
        HeapType::Abstract {
            shared: false,
            ty: AbstractHeapType::Extern | AbstractHeapType::NoExtern,
        } => Ok(Val::ExternRef(None)),
        HeapType::Abstract {
            shared: false,
            ty: AbstractHeapType::Exn | AbstractHeapType::NoExn,
        } => Ok(Val::ExnRef(None)),
        other => bail!("null references of type {other:?} are not supported yet"),
    }
}

fn matches(store: &Store<()>, actual: &Val, expected: &WastRetCore<'_>) -> Result<bool> {
    Ok(match (actual, expected) {
        (_, WastRetCore::Either(alternatives)) => {
            for alternative in alternatives {
                if matches(store, actual, alternative)? {
                    return Ok(true);
                }
            }
            false
        }
        (Val::I32(actual), WastRetCore::I32(expected)) => actual == expected,
        (Val::I64(actual), WastRetCore::I64(expected)) => actual == expected,
        (Val::F32(actual), WastRetCore::F32(expected)) => f32_matches(*actual, expected),
        (Val::F64(actual), WastRetCore::F64(expected)) => f64_matches(*actual, expected),
        (Val::V128(actual), WastRetCore::V128(expected)) => {
            v128_matches(actual.as_u128(), expected)
        }
        (
            Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None),
            WastRetCore::RefNull(None),
        ) => true,
        (Val::ExnRef(None), WastRetCore::RefNull(Some(heap_type))) => {
            matches!(null_of(heap_type), Ok(Val::ExnRef(_)))
        }
        (Val::FuncRef(None), WastRetCore::RefNull(Some(heap_type))) => {
            matches!(null_of(heap_type), Ok(Val::FuncRef(_)))
        }
        (Val::ExternRef(None), WastRetCore::RefNull(Some(heap_type))) => {
            matches!(null_of(heap_type), Ok(Val::ExternRef(_)))
        }
        (Val::FuncRef(Some(_)), WastRetCore::RefFunc(None)) => true,
        (Val::FuncRef(Some(_)), WastRetCore::RefFunc(Some(_))) => {
            bail!("`ref.func` with an index is not supported yet")
        }
        (Val::ExternRef(Some(_)), WastRetCore::RefExtern(None)) => true,
        (Val::ExternRef(Some(actual)), WastRetCore::RefExtern(Some(expected))) => {
            actual.data(store)?.downcast_ref::<u32>() == Some(expected)
        }
        _ => false,
    })
}

/// The bits of a quiet NaN with no payload, sign aside.
const F32_CANONICAL_NAN: u32 = 0x7fc0_0000;
const F64_CANONICAL_NAN: u64 = 0x7ff8_0000_0000_0000;

fn f32_matches(actual: u32, expected: &NanPattern<F32>) -> bool {
    match expected {
        NanPattern::CanonicalNan => actual & 0x7fff_ffff == F32_CANONICAL_NAN,
        NanPattern::ArithmeticNan => actual & F32_CANONICAL_NAN == F32_CANONICAL_NAN,
        NanPattern::Value(value) => actual == value.bits,
    }
}

fn f64_matches(actual: u64, expected: &NanPattern<F64>) -> bool {
    match expected {
        NanPattern::CanonicalNan => actual & 0x7fff_ffff_ffff_ffff == F64_CANONICAL_NAN,
        NanPattern::ArithmeticNan => actual & F64_CANONICAL_NAN == F64_CANONICAL_NAN,
        NanPattern::Value(value) => actual == value.bits,
    }
}

fn v128_matches(actual: u128, expected: &V128Pattern) -> bool {
    let bytes = actual.to_le_bytes();
    let exactly = |lanes: &V128Const| actual == lanes_to_u128(lanes);
    match expected {
        V128Pattern::I8x16(lanes) => exactly(&V128Const::I8x16(*lanes)),
        V128Pattern::I16x8(lanes) => exactly(&V128Const::I16x8(*lanes)),
        V128Pattern::I32x4(lanes) => exactly(&V128Const::I32x4(*lanes)),
        V128Pattern::I64x2(lanes) => exactly(&V128Const::I64x2(*lanes)),
        V128Pattern::F32x4(lanes) => {
            let (words, _) = bytes.as_chunks::<4>();
            words
                .iter()
                .zip(lanes)
                .all(|(&word, lane)| f32_matches(u32::from_le_bytes(word), lane))
        }
        V128Pattern::F64x2(lanes) => {
            let (words, _) = bytes.as_chunks::<8>();
            words
                .iter()
                .zip(lanes)
                .all(|(&word, lane)| f64_matches(u64::from_le_bytes(word), lane))
        }
    }
}

fn lanes_to_u128(lanes: &V128Const) -> u128 {
    u128::from_le_bytes(lanes.to_le_bytes())
}

fn describe_expected(expected: &WastRetCore<'_>) -> String {
    match expected {
        WastRetCore::I32(value) => describe(&Val::I32(*value)),
        WastRetCore::I64(value) => describe(&Val::I64(*value)),
        WastRetCore::F32(pattern) => match pattern {
            NanPattern::CanonicalNan => "(f32.const nan:canonical)".to_owned(),
            NanPattern::ArithmeticNan => "(f32.const nan:arithmetic)".to_owned(),
            NanPattern::Value(value) => describe(&Val::F32(value.bits)),
        },
        WastRetCore::F64(pattern) => match pattern {
            NanPattern::CanonicalNan => "(f64.const nan:canonical)".to_owned(),
            NanPattern::ArithmeticNan => "(f64.const nan:arithmetic)".to_owned(),
            NanPattern::Value(value) => describe(&Val::F64(value.bits)),
        },
        WastRetCore::Either(alternatives) => {
            let all: Vec<_> = alternatives.iter().map(describe_expected).collect();
            format!("one of {}", all.join(", "))
        }
        other => format!("{other:?}"),
    }
}

fn hex_lanes(value: u128) -> String {
    let bytes = value.to_le_bytes();
    let (lanes, _) = bytes.as_chunks::<8>();
    let mut text = String::new();
    for lane in lanes {
        // Writing to a string can't fail.
        let _ = write!(text, " {:#018x}", u64::from_le_bytes(*lane));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canonical_nan_may_have_either_sign_but_no_payload() {
        for bits in [0x7fc0_0000, 0xffc0_0000] {
            assert!(f32_matches(bits, &NanPattern::CanonicalNan));
        }
        for bits in [0x7fc0_0001, 0x7f80_0001, 0x7f80_0000, 0] {
            assert!(!f32_matches(bits, &NanPattern::CanonicalNan));
        }
        assert!(f64_matches(
            0xfff8_0000_0000_0000,
            &NanPattern::CanonicalNan
        ));
        assert!(!f64_matches(
            0x7ff8_0000_0000_0001,
            &NanPattern::CanonicalNan
        ));
    }

    #[test]
    fn an_arithmetic_nan_is_any_quiet_one() {
        assert!(f32_matches(0x7fe1_2345, &NanPattern::ArithmeticNan));
        assert!(!f32_matches(0x7fa0_0000, &NanPattern::ArithmeticNan));
        assert!(f64_matches(
            0xfff9_0000_0000_0000,
            &NanPattern::ArithmeticNan
        ));
        assert!(!f64_matches(
            0x7ff4_0000_0000_0000,
            &NanPattern::ArithmeticNan
        ));
    }

    #[test]
    fn zeros_of_different_sign_differ() {
        let zero = NanPattern::Value(F32 { bits: 0 });
        assert!(f32_matches(0, &zero));
        assert!(!f32_matches(0x8000_0000, &zero));
    }

    #[test]
    fn float_lanes_are_compared_one_by_one() {
        let one = NanPattern::Value(F64 {
            bits: 1f64.to_bits(),
        });
        let pattern = V128Pattern::F64x2([one, NanPattern::CanonicalNan]);
        let vector = |low: u64, high: u64| u128::from(low) | u128::from(high) << 64;
        assert!(v128_matches(
            vector(1f64.to_bits(), F64_CANONICAL_NAN),
            &pattern
        ));
        assert!(!v128_matches(
            vector(F64_CANONICAL_NAN, 1f64.to_bits()),
            &pattern
        ));
    }

    #[test]
    fn integer_lanes_are_little_endian() {
        let pattern = V128Pattern::I32x4([1, 2, 3, -1]);
        let expected = 1 | 2 << 32 | 3 << 64 | 0xffff_ffff << 96;
        assert!(v128_matches(expected, &pattern));
    }
}

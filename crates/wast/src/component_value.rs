//! Component model values: from a script's constants, and against a script's expectations.
//!
//! Covers the types that the component translator accepts. For the others there is an error
//! that names the type.

use anyhow::{Result, bail};
use threadline::component::Val;
use wast::component::WastVal;
use wast::core::{NanPattern, WastArgCore, WastRetCore};
use wast::{WastArg, WastRet};

/// An argument as a value. `f32.const` and `f64.const` are written alike for core wasm and for
/// components, and the parser takes them for the former.
pub(crate) fn from_arg(arg: &WastArg<'_>) -> Result<Val> {
    match arg {
        WastArg::Component(value) => from_wast(value),
        WastArg::Core(WastArgCore::F32(value)) => Ok(Val::Float32(f32::from_bits(value.bits))),
        WastArg::Core(WastArgCore::F64(value)) => Ok(Val::Float64(f64::from_bits(value.bits))),
        other => bail!("a component's function can't take {other:?}"),
    }
}

/// Whether a result is what a script expects; the error says how it differs.
pub(crate) fn check(actual: &Val, expected: &WastRet<'_>) -> Result<()> {
    let expected = from_ret(expected)?;
    // Equality is the component model's: all NaNs are one, `-0` is not `0`, and flags are sets.
    if *actual == expected {
        return Ok(());
    }
    bail!("expected {expected:?}, got {actual:?}")
}

/// An expected result as a value. The NaN patterns of core wasm all mean the one NaN that the
/// component model knows.
fn from_ret(expected: &WastRet<'_>) -> Result<Val> {
    match expected {
        WastRet::Component(value) => from_wast(value),
        WastRet::Core(WastRetCore::F32(NanPattern::Value(value))) => {
            Ok(Val::Float32(f32::from_bits(value.bits)))
        }
        WastRet::Core(WastRetCore::F32(_)) => Ok(Val::Float32(f32::NAN)),
        WastRet::Core(WastRetCore::F64(NanPattern::Value(value))) => {
            Ok(Val::Float64(f64::from_bits(value.bits)))
        }
        WastRet::Core(WastRetCore::F64(_)) => Ok(Val::Float64(f64::NAN)),
        other => bail!("a component's function can't return {other:?}"),
    }
}

/// A constant as a value.
fn from_wast(value: &WastVal<'_>) -> Result<Val> {
    Ok(match value {
        WastVal::Bool(value) => Val::Bool(*value),
        WastVal::U8(value) => Val::U8(*value),
        WastVal::S8(value) => Val::S8(*value),
        WastVal::U16(value) => Val::U16(*value),
        WastVal::S16(value) => Val::S16(*value),
        WastVal::U32(value) => Val::U32(*value),
        WastVal::S32(value) => Val::S32(*value),
        WastVal::U64(value) => Val::U64(*value),
        WastVal::S64(value) => Val::S64(*value),
        WastVal::F32(value) => Val::Float32(f32::from_bits(value.bits)),
        WastVal::F64(value) => Val::Float64(f64::from_bits(value.bits)),
        WastVal::Char(value) => Val::Char(*value),
        WastVal::String(value) => Val::String((*value).to_owned()),
        WastVal::List(values) => {
            Val::List(values.iter().map(from_wast).collect::<Result<Vec<_>>>()?)
        }
        WastVal::Enum(case) => Val::Enum((*case).to_owned()),
        WastVal::Flags(labels) => {
            Val::Flags(labels.iter().map(|label| (*label).to_owned()).collect())
        }
        WastVal::Map(_) => return not_yet("map"),
        WastVal::Record(_) => return not_yet("record"),
        WastVal::Tuple(_) => return not_yet("tuple"),
        WastVal::Variant(..) => return not_yet("variant"),
        WastVal::Option(_) => return not_yet("option"),
        WastVal::Result(_) => return not_yet("result"),
    })
}

fn not_yet<T>(ty: &str) -> Result<T> {
    bail!("values of type `{ty}` are not supported yet")
}

#[cfg(test)]
mod tests {
    use super::*;
    use wast::token::F32;

    #[test]
    fn floats_are_the_same_whichever_way_they_are_parsed() {
        let bits = 1.5f32.to_bits();
        let component = WastArg::Component(WastVal::F32(F32 { bits }));
        let core = WastArg::Core(WastArgCore::F32(F32 { bits }));
        assert_eq!(from_arg(&component).unwrap(), Val::Float32(1.5));
        assert_eq!(from_arg(&core).unwrap(), Val::Float32(1.5));
    }

    #[test]
    fn any_nan_is_the_nan_that_a_pattern_asks_for() {
        let pattern = WastRet::Core(WastRetCore::F32(NanPattern::CanonicalNan));
        let payload = Val::Float32(f32::from_bits(0x7fc0_0123));
        assert!(check(&payload, &pattern).is_ok());
        assert!(check(&Val::Float32(0.0), &pattern).is_err());
    }

    #[test]
    fn equal_numbers_of_different_types_differ() {
        let expected = WastRet::Component(WastVal::U32(1));
        assert!(check(&Val::U32(1), &expected).is_ok());
        assert!(check(&Val::S32(1), &expected).is_err());
    }

    #[test]
    fn a_core_integer_is_no_argument() {
        assert!(from_arg(&WastArg::Core(WastArgCore::I32(1))).is_err());
    }
}

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
    if equal(actual, &expected) {
        return Ok(());
    }
    bail!("expected {}, got {}", describe(&expected), describe(actual))
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

/// A value in the words of its type, for messages.
pub(crate) fn describe(value: &Val) -> String {
    match value {
        Val::List(elements) => {
            let elements: Vec<_> = elements.iter().map(describe).collect();
            format!("List([{}])", elements.join(", "))
        }
        other => format!("{other:?}"),
    }
}

/// Equality that tells `-0` from `0` and takes all NaNs for one, as the component model does.
fn equal(a: &Val, b: &Val) -> bool {
    match (a, b) {
        (Val::Bool(a), Val::Bool(b)) => a == b,
        (Val::U8(a), Val::U8(b)) => a == b,
        (Val::S8(a), Val::S8(b)) => a == b,
        (Val::U16(a), Val::U16(b)) => a == b,
        (Val::S16(a), Val::S16(b)) => a == b,
        (Val::U32(a), Val::U32(b)) => a == b,
        (Val::S32(a), Val::S32(b)) => a == b,
        (Val::U64(a), Val::U64(b)) => a == b,
        (Val::S64(a), Val::S64(b)) => a == b,
        (Val::Float32(a), Val::Float32(b)) => {
            a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
        }
        (Val::Float64(a), Val::Float64(b)) => {
            a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
        }
        (Val::Char(a), Val::Char(b)) => a == b,
        (Val::String(a), Val::String(b)) | (Val::Enum(a), Val::Enum(b)) => a == b,
        (Val::List(a), Val::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Val::Flags(a), Val::Flags(b)) => same_labels(a, b),
        _ => false,
    }
}

/// Flags are sets: their order in a script means nothing.
fn same_labels(a: &[String], b: &[String]) -> bool {
    let sorted = |labels: &[String]| {
        let mut labels = labels.to_vec();
        labels.sort_unstable();
        labels
    };
    sorted(a) == sorted(b)
}

fn not_yet<T>(ty: &str) -> Result<T> {
    bail!("values of type `{ty}` are not supported yet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_compared_as_the_component_model_does() {
        let quiet = Val::Float32(f32::from_bits(0x7fc0_0000));
        let payload = Val::Float32(f32::from_bits(0x7fc0_0123));
        assert!(equal(&quiet, &payload));
        assert!(!equal(&Val::Float64(0.0), &Val::Float64(-0.0)));
    }

    #[test]
    fn the_order_of_flags_means_nothing() {
        let flags =
            |labels: &[&str]| Val::Flags(labels.iter().map(|label| (*label).to_owned()).collect());
        assert!(equal(&flags(&["a", "b"]), &flags(&["b", "a"])));
        assert!(!equal(&flags(&["a", "b"]), &flags(&["a"])));
        assert!(!equal(&flags(&["a", "b"]), &flags(&["a", "a"])));
    }

    #[test]
    fn equal_numbers_of_different_types_differ() {
        assert!(!equal(&Val::U32(1), &Val::S32(1)));
        assert!(!equal(&Val::String("a".into()), &Val::Enum("a".into())));
    }
}

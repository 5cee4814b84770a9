//! Component model values: from a script's constants, and against a script's expectations.
//!
//! A script can't write resources. It writes a `list<T, N>` as a list.

use anyhow::{Result, bail};
use threadline::component::{Type, Val};
use wast::component::WastVal;
use wast::core::{NanPattern, WastArgCore, WastRetCore};
use wast::{WastArg, WastRet};

/// An argument as a value of a parameter of type `ty`, if there is a parameter for it. `f32.const` and `f64.const` are written alike for core wasm and for
/// components, and the parser takes them for the former.
pub(crate) fn from_arg(arg: &WastArg<'_>, ty: Option<&Type>) -> Result<Val> {
    match arg {
        WastArg::Component(value) => {
            let value = from_wast(value);
            Ok(match ty {
                Some(ty) => with_lengths(value, ty),
                None => value,
            })
        }
        WastArg::Core(WastArgCore::F32(value)) => Ok(Val::Float32(f32::from_bits(value.bits))),
        WastArg::Core(WastArgCore::F64(value)) => Ok(Val::Float64(f64::from_bits(value.bits))),
        other => bail!("a component's function can't take {other:?}"),
    }
}

/// Whether a result is what a script expects; the error says how it differs.
pub(crate) fn check(actual: &Val, expected: &WastRet<'_>) -> Result<()> {
    let expected = from_ret(expected)?;
    let actual = &without_lengths(actual.clone());
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
        WastRet::Component(value) => Ok(from_wast(value)),
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
fn from_wast(value: &WastVal<'_>) -> Val {
    match value {
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
        WastVal::List(values) => Val::List(values.iter().map(from_wast).collect()),
        WastVal::Map(entries) => {
            let entries = entries.iter();
            Val::Map(
                entries
                    .map(|(key, value)| (from_wast(key), from_wast(value)))
                    .collect(),
            )
        }
        WastVal::Record(fields) => {
            let fields = fields.iter();
            Val::Record(
                fields
                    .map(|(name, value)| ((*name).into(), from_wast(value)))
                    .collect(),
            )
        }
        WastVal::Tuple(values) => Val::Tuple(values.iter().map(from_wast).collect()),
        WastVal::Variant(case, value) => Val::Variant((*case).into(), payload(value)),
        WastVal::Enum(case) => Val::Enum((*case).into()),
        WastVal::Option(value) => Val::Option(payload(value)),
        WastVal::Result(Ok(value)) => Val::Result(Ok(payload(value))),
        WastVal::Result(Err(value)) => Val::Result(Err(payload(value))),
        WastVal::Flags(labels) => Val::Flags(labels.iter().map(|label| (*label).into()).collect()),
    }
}

fn payload(value: &Option<Box<WastVal<'_>>>) -> Option<Box<Val>> {
    value.as_deref().map(|value| Box::new(from_wast(value)))
}

/// A script's value with those lists that have a length in the type made such lists. Where value and
/// type don't fit, it stays as it is.
fn with_lengths(value: Val, ty: &Type) -> Val {
    let of_optional = |value: Option<Box<Val>>, ty: Option<Type>| match (value, ty) {
        (Some(value), Some(ty)) => Some(Box::new(with_lengths(*value, &ty))),
        (value, _) => value,
    };
    let of_all = |values: Vec<Val>, ty: Type| {
        values
            .into_iter()
            .map(|value| with_lengths(value, &ty))
            .collect()
    };
    match (value, ty) {
        (Val::List(values), Type::FixedLengthList(ty)) => {
            Val::FixedLengthList(of_all(values, ty.ty()))
        }
        (Val::List(values), Type::List(ty)) => Val::List(of_all(values, ty.ty())),
        (Val::Map(entries), Type::Map(ty)) => {
            let (key, value) = (ty.key(), ty.value());
            let entries = entries.into_iter();
            Val::Map(
                entries
                    .map(|(k, v)| (with_lengths(k, &key), with_lengths(v, &value)))
                    .collect(),
            )
        }
        (Val::Record(fields), Type::Record(ty)) if fields.len() == ty.fields().len() => {
            let fields = fields.into_iter().zip(ty.fields());
            Val::Record(
                fields
                    .map(|((n, v), field)| (n, with_lengths(v, &field.ty)))
                    .collect(),
            )
        }
        (Val::Tuple(values), Type::Tuple(ty)) if values.len() == ty.types().len() => {
            let values = values.into_iter().zip(ty.types());
            Val::Tuple(values.map(|(value, ty)| with_lengths(value, &ty)).collect())
        }
        (Val::Variant(name, value), Type::Variant(ty)) => {
            let case = ty.cases().find(|case| name == case.name);
            Val::Variant(name, of_optional(value, case.and_then(|case| case.ty)))
        }
        (Val::Option(value), Type::Option(ty)) => Val::Option(of_optional(value, Some(ty.ty()))),
        (Val::Result(Ok(value)), Type::Result(ty)) => Val::Result(Ok(of_optional(value, ty.ok()))),
        (Val::Result(Err(value)), Type::Result(ty)) => {
            Val::Result(Err(of_optional(value, ty.err())))
        }
        (value, _) => value,
    }
}

/// A value as a script writes it: all lists alike.
fn without_lengths(value: Val) -> Val {
    let all = |values: Vec<Val>| values.into_iter().map(without_lengths).collect();
    let optional = |value: Option<Box<Val>>| value.map(|value| Box::new(without_lengths(*value)));
    match value {
        Val::List(values) | Val::FixedLengthList(values) => Val::List(all(values)),
        Val::Tuple(values) => Val::Tuple(all(values)),
        Val::Map(entries) => {
            let entries = entries.into_iter();
            Val::Map(
                entries
                    .map(|(k, v)| (without_lengths(k), without_lengths(v)))
                    .collect(),
            )
        }
        Val::Record(fields) => {
            let fields = fields.into_iter();
            Val::Record(
                fields
                    .map(|(name, value)| (name, without_lengths(value)))
                    .collect(),
            )
        }
        Val::Variant(case, value) => Val::Variant(case, optional(value)),
        Val::Option(value) => Val::Option(optional(value)),
        Val::Result(Ok(value)) => Val::Result(Ok(optional(value))),
        Val::Result(Err(value)) => Val::Result(Err(optional(value))),
        value => value,
    }
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
        assert_eq!(
            from_arg(&component, Some(&Type::Float32)).unwrap(),
            Val::Float32(1.5)
        );
        assert_eq!(
            from_arg(&core, Some(&Type::Float32)).unwrap(),
            Val::Float32(1.5)
        );
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
        assert!(from_arg(&WastArg::Core(WastArgCore::I32(1)), Some(&Type::S32)).is_err());
    }
}

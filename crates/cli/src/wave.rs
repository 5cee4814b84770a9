//! Values in WAVE: from the arguments of a call, and to the text that is printed.
//!
//! Resources can't be written; of functions that take or return them there is an error that names
//! the type. WAVE writes a `list<T, N>` as a list, and a `map` as a list of pairs.

use anyhow::{Context, Result, bail, ensure};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use threadline::component::types::ComponentFunc;
use threadline::component::{self, Name, Type};
use threadline::{FuncType, Val, ValType};
use wasm_wave::ast::Node;
use wasm_wave::untyped::UntypedFuncCall;
use wasm_wave::value as wave;
use wasm_wave::wasm::{WasmType as _, WasmTypeKind, WasmValue};
use wasm_wave::writer::Writer;

/// The arguments of a call as values of a component function's parameters.
pub(crate) fn arguments(
    call: &UntypedFuncCall<'_>,
    ty: &ComponentFunc,
) -> Result<Vec<component::Val>> {
    let types = ty
        .params()
        .map(|(_, ty)| wave_type(&ty))
        .collect::<Result<Vec<_>>>()?;
    let values: Vec<wave::Value> = call.to_wasm_params(&types).map_err(parser_error)?;
    let types = ty.params().map(|(_, ty)| ty);
    let values = values.iter().zip(types);
    values
        .map(|(value, ty)| Ok(with_lengths(from_wave(value)?, &ty)))
        .collect()
}

/// What WAVE has as a list, as the list with a length that it is meant to be.
fn with_lengths(value: component::Val, ty: &Type) -> component::Val {
    use component::Val;
    let all = |values: Vec<Val>, ty: &Type| {
        let values = values.into_iter();
        values.map(|value| with_lengths(value, ty)).collect()
    };
    let payload = |value: Option<Box<Val>>, ty: Option<Type>| match (value, ty) {
        (Some(value), Some(ty)) => Some(Box::new(with_lengths(*value, &ty))),
        (value, _) => value,
    };
    match (value, ty) {
        (Val::List(values), Type::FixedLengthList(list)) => {
            Val::FixedLengthList(all(values, &list.ty()))
        }
        (Val::List(values), Type::List(list)) => Val::List(all(values, &list.ty())),
        (Val::Map(entries), Type::Map(map)) => {
            let entries = entries.into_iter();
            let entries = entries.map(|(key, value)| (key, with_lengths(value, &map.value())));
            Val::Map(entries.collect())
        }
        (Val::Record(fields), Type::Record(record)) => {
            let fields = fields.into_iter().zip(record.fields());
            let fields = fields.map(|((name, value), ty)| (name, with_lengths(value, &ty.ty)));
            Val::Record(fields.collect())
        }
        (Val::Tuple(values), Type::Tuple(tuple)) => {
            let values = values.into_iter().zip(tuple.types());
            Val::Tuple(values.map(|(value, ty)| with_lengths(value, &ty)).collect())
        }
        (Val::Variant(name, value), Type::Variant(variant)) => {
            let case = variant.cases().find(|case| name == case.name);
            let value = payload(value, case.and_then(|case| case.ty));
            Val::Variant(name, value)
        }
        (Val::Option(value), Type::Option(option)) => {
            Val::Option(payload(value, Some(option.ty())))
        }
        (Val::Result(Ok(value)), Type::Result(ty)) => Val::Result(Ok(payload(value, ty.ok()))),
        (Val::Result(Err(value)), Type::Result(ty)) => Val::Result(Err(payload(value, ty.err()))),
        (value, _) => value,
    }
}

/// A component function's result as text; empty if there is none.
pub(crate) fn results(results: &[component::Val], ty: &ComponentFunc) -> Result<String> {
    let values = results
        .iter()
        .zip(ty.results())
        .map(|(value, ty)| to_wave(value, &wave_type(&ty)?))
        .collect::<Result<Vec<_>>>()?;
    print(values)
}

/// The arguments of a call as values of a core function's parameters. An integer may be written
/// signed or unsigned.
pub(crate) fn core_arguments(call: &UntypedFuncCall<'_>, ty: &FuncType) -> Result<Vec<Val>> {
    let nodes: Vec<&Node> = match call.params_node() {
        Some(params) => params.as_tuple().map_err(parser_error)?.collect(),
        None => Vec::new(),
    };
    ensure!(
        nodes.len() == ty.params().len(),
        "it takes {} arguments, and {} are given",
        ty.params().len(),
        nodes.len()
    );
    let source = call.source();
    nodes
        .iter()
        .zip(ty.params())
        .enumerate()
        .map(|(i, (node, ty))| {
            core_argument(node, source, *ty).with_context(|| format!("argument {}", i + 1))
        })
        .collect()
}

/// A core function's results as text: empty for none, a tuple for several.
pub(crate) fn core_results(results: &[Val]) -> Result<String> {
    let values = results
        .iter()
        .map(|value| match value {
            Val::I32(value) => Ok(wave::Value::make_s32(*value)),
            Val::I64(value) => Ok(wave::Value::make_s64(*value)),
            Val::F32(bits) => Ok(wave::Value::make_f32(f32::from_bits(*bits))),
            Val::F64(bits) => Ok(wave::Value::make_f64(f64::from_bits(*bits))),
            other => bail!("results of type `{}` can't be printed yet", other.ty()),
        })
        .collect::<Result<Vec<_>>>()?;
    print(values)
}

fn core_argument(node: &Node, source: &str, ty: ValType) -> Result<Val> {
    Ok(match ty {
        ValType::I32 => {
            let value: i64 = number(node, source)?;
            let signed = i32::try_from(value);
            let unsigned = || u32::try_from(value).map(u32::cast_signed);
            Val::I32(
                signed
                    .or_else(|_| unsigned())
                    .context("it does not fit an i32")?,
            )
        }
        ValType::I64 => {
            let value: i128 = number(node, source)?;
            let signed = i64::try_from(value);
            let unsigned = || u64::try_from(value).map(u64::cast_signed);
            Val::I64(
                signed
                    .or_else(|_| unsigned())
                    .context("it does not fit an i64")?,
            )
        }
        ValType::F32 => Val::F32(number::<f32>(node, source)?.to_bits()),
        ValType::F64 => Val::F64(number::<f64>(node, source)?.to_bits()),
        other => bail!("arguments of type `{other}` can't be written yet"),
    })
}

fn number<T: FromStr>(node: &Node, source: &str) -> Result<T> {
    node.as_number(source).map_err(parser_error)
}

/// Writes values: nothing for none, a tuple for several.
fn print(mut values: Vec<wave::Value>) -> Result<String> {
    let value = match values.len() {
        0 => return Ok(String::new()),
        1 => values.remove(0),
        _ => {
            let types: Vec<_> = values.iter().map(type_of_number).collect::<Result<_>>()?;
            let ty = wave::Type::tuple(types).context("a tuple needs elements")?;
            wave::Value::make_tuple(&ty, values)?
        }
    };
    bounded_text(&value, MAX_TEXT)
}

/// Bytes of text that a result is at most: names that are once in a type are in each of the values.
const MAX_TEXT: usize = 64 << 20;

/// Writes a value.
///
/// # Errors
/// If that takes more text than so many bytes.
fn bounded_text(value: &wave::Value, most: usize) -> Result<String> {
    let mut text = BoundedText {
        text: String::new(),
        most,
        is_full: false,
    };
    let written = Writer::new(&mut text).write_value(value);
    ensure!(
        !text.is_full,
        "the result takes more than {most} bytes as text, which is the limit"
    );
    written?;
    Ok(text.text)
}

/// Text that gets no longer than a number of bytes.
struct BoundedText {
    text: String,
    most: usize,
    is_full: bool,
}

impl fmt::Write for BoundedText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() > self.most - self.text.len() {
            self.is_full = true;
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}

fn type_of_number(value: &wave::Value) -> Result<wave::Type> {
    wave::Type::simple(value.kind()).context("several results must be numbers")
}

/// A component value type as WAVE's.
fn wave_type(ty: &Type) -> Result<wave::Type> {
    use WasmTypeKind as K;
    let simple = match ty {
        Type::Bool => K::Bool,
        Type::S8 => K::S8,
        Type::U8 => K::U8,
        Type::S16 => K::S16,
        Type::U16 => K::U16,
        Type::S32 => K::S32,
        Type::U32 => K::U32,
        Type::S64 => K::S64,
        Type::U64 => K::U64,
        Type::Float32 => K::F32,
        Type::Float64 => K::F64,
        Type::Char => K::Char,
        Type::String => K::String,
        Type::List(list) => return Ok(wave::Type::list(wave_type(&list.ty())?)),
        // Its parser knows no lists with a length.
        Type::FixedLengthList(list) => return Ok(wave::Type::list(wave_type(&list.ty())?)),
        Type::Map(map) => {
            let (key, value) = (wave_type(&map.key())?, wave_type(&map.value())?);
            return wave::Type::map(key, value).context("keys of such a type can't be written");
        }
        Type::Record(record) => {
            let fields = record.fields();
            let fields = fields.map(|field| Ok((field.name.to_owned(), wave_type(&field.ty)?)));
            let fields = fields.collect::<Result<Vec<_>>>()?;
            return wave::Type::record(fields).context("a record type without fields");
        }
        Type::Tuple(tuple) => {
            let elements = tuple.types().map(|ty| wave_type(&ty));
            let elements = elements.collect::<Result<Vec<_>>>()?;
            return wave::Type::tuple(elements).context("a tuple type without elements");
        }
        Type::Variant(variant) => {
            let cases = variant.cases();
            let cases = cases.map(|case| Ok((case.name.to_owned(), optional_type(case.ty)?)));
            let cases = cases.collect::<Result<Vec<_>>>()?;
            return wave::Type::variant(cases).context("a variant type without cases");
        }
        Type::Option(option) => return Ok(wave::Type::option(wave_type(&option.ty())?)),
        Type::Result(result) => {
            let (ok, err) = (optional_type(result.ok())?, optional_type(result.err())?);
            return Ok(wave::Type::result(ok, err));
        }
        Type::Flags(flags) => {
            return wave::Type::flags(flags.names()).context("a flags type without labels");
        }
        Type::Enum(cases) => {
            return wave::Type::enum_ty(cases.names()).context("an enum type without cases");
        }
        other => bail!("values of type `{other}` can't be written"),
    };
    wave::Type::simple(simple).context("no simple type")
}

fn optional_type(ty: Option<Type>) -> Result<Option<wave::Type>> {
    ty.map(|ty| wave_type(&ty)).transpose()
}

fn from_wave(value: &wave::Value) -> Result<component::Val> {
    use WasmTypeKind as K;
    use component::Val;
    let owned = |labels: Box<dyn Iterator<Item = Cow<'_, str>> + '_>| {
        labels.map(Name::from).collect::<Vec<_>>()
    };
    Ok(match value.kind() {
        K::Bool => Val::Bool(value.unwrap_bool()),
        K::S8 => Val::S8(value.unwrap_s8()),
        K::U8 => Val::U8(value.unwrap_u8()),
        K::S16 => Val::S16(value.unwrap_s16()),
        K::U16 => Val::U16(value.unwrap_u16()),
        K::S32 => Val::S32(value.unwrap_s32()),
        K::U32 => Val::U32(value.unwrap_u32()),
        K::S64 => Val::S64(value.unwrap_s64()),
        K::U64 => Val::U64(value.unwrap_u64()),
        K::F32 => Val::Float32(value.unwrap_f32()),
        K::F64 => Val::Float64(value.unwrap_f64()),
        K::Char => Val::Char(value.unwrap_char()),
        K::String => Val::String(value.unwrap_string().into_owned()),
        K::List => Val::List(all_from_wave(value.unwrap_list())?),
        K::Map => {
            let entries = value.unwrap_map();
            let entries = entries.map(|(key, value)| Ok((from_wave(&key)?, from_wave(&value)?)));
            Val::Map(entries.collect::<Result<_>>()?)
        }
        K::Record => {
            let fields = value.unwrap_record();
            let fields = fields.map(|(name, value)| Ok((name.into(), from_wave(&value)?)));
            Val::Record(fields.collect::<Result<_>>()?)
        }
        K::Tuple => Val::Tuple(all_from_wave(value.unwrap_tuple())?),
        K::Variant => {
            let (case, payload) = value.unwrap_variant();
            Val::Variant(case.into(), payload_from_wave(payload)?)
        }
        K::Option => Val::Option(payload_from_wave(value.unwrap_option())?),
        K::Result => Val::Result(match value.unwrap_result() {
            Ok(payload) => Ok(payload_from_wave(payload)?),
            Err(payload) => Err(payload_from_wave(payload)?),
        }),
        K::Flags => Val::Flags(owned(value.unwrap_flags())),
        K::Enum => Val::Enum(value.unwrap_enum().into()),
        other => bail!("values of type `{other}` can't be read"),
    })
}

fn all_from_wave<'a>(
    values: impl Iterator<Item = Cow<'a, wave::Value>>,
) -> Result<Vec<component::Val>> {
    values.map(|value| from_wave(&value)).collect()
}

fn payload_from_wave(payload: Option<Cow<'_, wave::Value>>) -> Result<Option<Box<component::Val>>> {
    payload
        .map(|value| Ok(Box::new(from_wave(&value)?)))
        .transpose()
}

fn to_wave(value: &component::Val, ty: &wave::Type) -> Result<wave::Value> {
    use component::Val;
    use wave::Value;
    Ok(match value {
        Val::Bool(value) => Value::make_bool(*value),
        Val::S8(value) => Value::make_s8(*value),
        Val::U8(value) => Value::make_u8(*value),
        Val::S16(value) => Value::make_s16(*value),
        Val::U16(value) => Value::make_u16(*value),
        Val::S32(value) => Value::make_s32(*value),
        Val::U32(value) => Value::make_u32(*value),
        Val::S64(value) => Value::make_s64(*value),
        Val::U64(value) => Value::make_u64(*value),
        Val::Float32(value) => Value::make_f32(*value),
        Val::Float64(value) => Value::make_f64(*value),
        Val::Char(value) => Value::make_char(*value),
        Val::String(value) => Value::make_string(Cow::Borrowed(value)),
        Val::List(elements) | Val::FixedLengthList(elements) => {
            let types = ty.list_element_type().into_iter().cycle();
            Value::make_list(ty, all_to_wave(elements.iter(), types)?)?
        }
        Val::Map(entries) => {
            let types = || ty.map_key_value_types().into_iter().cycle();
            let keys = all_to_wave(entries.iter().map(|(key, _)| key), types().map(|ty| ty.0))?;
            let values = all_to_wave(entries.iter().map(|(_, val)| val), types().map(|ty| ty.1))?;
            Value::make_map(ty, keys.into_iter().zip(values))?
        }
        Val::Record(fields) => {
            let types = ty.record_fields().map(|(_, ty)| ty);
            let values = all_to_wave(fields.iter().map(|(_, value)| value), types)?;
            let names = fields.iter().map(|(name, _)| name.as_str());
            Value::make_record(ty, names.zip(values))?
        }
        Val::Tuple(elements) => {
            Value::make_tuple(ty, all_to_wave(elements.iter(), ty.tuple_element_types())?)?
        }
        Val::Variant(case, payload) => {
            let payload_ty = ty.variant_cases().find(|(name, _)| **name == **case);
            let payload_ty = payload_ty.and_then(|(_, ty)| ty);
            Value::make_variant(ty, case, payload_to_wave(payload, payload_ty)?)?
        }
        Val::Option(payload) => {
            Value::make_option(ty, payload_to_wave(payload, ty.option_some_type())?)?
        }
        Val::Result(result) => {
            let (ok, err) = ty.result_types().context("a result of another type")?;
            let result = match result {
                Ok(payload) => Ok(payload_to_wave(payload, ok)?),
                Err(payload) => Err(payload_to_wave(payload, err)?),
            };
            Value::make_result(ty, result)?
        }
        Val::Flags(labels) => Value::make_flags(ty, labels.iter().map(Name::as_str))?,
        Val::Enum(case) => Value::make_enum(ty, case)?,
        _ => bail!("resources, streams, futures and error contexts can't be written"),
    })
}

fn all_to_wave<'a>(
    values: impl Iterator<Item = &'a component::Val>,
    types: impl Iterator<Item = wave::Type>,
) -> Result<Vec<wave::Value>> {
    values
        .zip(types)
        .map(|(value, ty)| to_wave(value, &ty))
        .collect()
}

fn payload_to_wave(
    payload: &Option<Box<component::Val>>,
    ty: Option<wave::Type>,
) -> Result<Option<wave::Value>> {
    let payload = payload.as_deref().zip(ty);
    payload.map(|(value, ty)| to_wave(value, &ty)).transpose()
}

/// A parser's error without the position, which counts from where no user looks.
fn parser_error(error: wasm_wave::parser::ParserError) -> anyhow::Error {
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    match error.detail().map(str::to_owned).or(cause) {
        Some(detail) => anyhow::anyhow!("{}: {detail}", error.kind()),
        None => anyhow::anyhow!("{}", error.kind()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core(arguments: &str, types: &[ValType]) -> Result<Vec<Val>> {
        let call = UntypedFuncCall::parse(arguments)?;
        core_arguments(&call, &FuncType::new(types.iter().copied(), []))
    }

    fn integer(text: &str) -> Option<i32> {
        match core(&format!("f({text})"), &[ValType::I32]).ok()?[..] {
            [Val::I32(value)] => Some(value),
            _ => None,
        }
    }

    #[test]
    fn an_integer_may_be_signed_or_unsigned() {
        assert_eq!(integer("-1"), Some(-1));
        assert_eq!(integer("4294967295"), Some(-1));
        assert_eq!(integer("-2147483648"), Some(i32::MIN));
        assert_eq!(integer("4294967296"), None);
        assert_eq!(integer("-2147483649"), None);
        assert_eq!(integer("1.5"), None);
        assert_eq!(integer("\"1\""), None);
    }

    #[test]
    fn the_number_of_core_arguments_must_be_right() {
        assert!(core("f()", &[]).is_ok());
        assert!(core("f(1)", &[]).is_err());
        assert!(core("f()", &[ValType::I32]).is_err());
    }

    #[test]
    fn several_core_results_are_a_tuple() {
        assert_eq!(core_results(&[]).unwrap(), "");
        assert_eq!(core_results(&[Val::I32(-1)]).unwrap(), "-1");
        let results = [Val::I64(1), Val::F64(2.5f64.to_bits())];
        assert_eq!(core_results(&results).unwrap(), "(1, 2.5)");
    }

    #[test]
    fn text_is_bounded_whatever_the_value_is() {
        use wave::{Type, Value};
        let name = "a".repeat(1000);
        let ty = Type::enum_ty([name.as_str()]).unwrap();
        let case = || Value::make_enum(&ty, &name).unwrap();
        assert_eq!(bounded_text(&case(), 1000).unwrap(), name);
        let list = Type::list(ty.clone());
        let list = Value::make_list(&list, (0..100).map(|_| case())).unwrap();
        let error = bounded_text(&list, 50_000).unwrap_err().to_string();
        assert!(error.contains("more than 50000 bytes"), "{error}");
        let text = Value::make_string("b".repeat(1000).into());
        assert!(bounded_text(&text, 999).is_err());
        assert!(bounded_text(&text, 1002).is_ok());
    }

    #[test]
    fn values_survive_a_round_trip() {
        use wave::Type;
        let round_trip = |ty: Type, text: &str| {
            let value: wave::Value = wasm_wave::from_str(&ty, text).unwrap();
            let again = to_wave(&from_wave(&value).unwrap(), &ty).unwrap();
            assert_eq!(value, again);
            assert_eq!(wasm_wave::to_string(&again).unwrap(), text);
        };
        round_trip(Type::list(Type::U8), "[1, 2, 255]");
        round_trip(Type::flags(["a", "b"]).unwrap(), "{b}");
        let some = Type::option(Type::STRING);
        let record = Type::record([("a", Type::U32), ("b", some.clone())]).unwrap();
        round_trip(record, "{a: 1, b: some(\"x\")}");
        round_trip(Type::tuple([Type::BOOL, some]).unwrap(), "(true, none)");
        let variant = || Type::variant([("x", None), ("y", Some(Type::S8))]).unwrap();
        round_trip(variant(), "x");
        round_trip(variant(), "y(-1)");
        round_trip(Type::result(Some(Type::CHAR), None), "ok('c')");
        round_trip(Type::result(Some(Type::CHAR), None), "err");
        let map = Type::map(Type::STRING, Type::list(Type::U8)).unwrap();
        round_trip(map, "{\"k\": [1]}");
    }
}

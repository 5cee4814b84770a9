//! [`Val`], a component value whose type is known at run time only.

use super::{ErrorContext, FutureAny, Lower, ResourceAny, StreamAny};
use crate::canonical_abi::HandleCheck;
use crate::store::StoreOpaque;
use crate::vm::{ComponentInstancePtr, StackFloor};
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use threadline_environ::component::{ComponentTypes, InterfaceType, Name};

/// A value of the component model.
///
/// Equality is that of the component model: all NaNs are one value, and zeros of both signs are
/// equal.
///
/// Names of fields, cases and labels are [`Name`]s, which a value shares with its type. They are made of
/// text with `into()`:
///
/// ```
/// use threadline::component::Val;
///
/// let point = Val::Record(vec![("x".into(), Val::U32(1)), ("y".into(), Val::U32(2))]);
/// let color = Val::Enum("red".into());
/// # assert_eq!(color, Val::Enum(String::from("red").into()));
/// # let _ = point;
/// ```
///
/// A value of a guest's is nested no deeper than types may be, about 100 levels. Dropping, cloning,
/// comparing and printing a value use the stack for each level, which matters for values that an embedder
/// nests by the thousand.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Val {
    /// `bool`.
    Bool(bool),
    /// `s8`.
    S8(i8),
    /// `u8`.
    U8(u8),
    /// `s16`.
    S16(i16),
    /// `u16`.
    U16(u16),
    /// `s32`.
    S32(i32),
    /// `u32`.
    U32(u32),
    /// `s64`.
    S64(i64),
    /// `u64`.
    U64(u64),
    /// `f32`.
    Float32(f32),
    /// `f64`.
    Float64(f64),
    /// `char`.
    Char(char),
    /// `string`.
    String(String),
    /// `list<T>`.
    List(Vec<Val>),
    /// `list<T, N>`.
    FixedLengthList(Vec<Val>),
    /// `map<K, V>`: keys with values, in any order. Of several values of one key, the last counts.
    Map(Vec<(Val, Val)>),
    /// A `record`: its fields, by name and in the type's order.
    Record(Vec<(Name, Val)>),
    /// A `tuple`.
    Tuple(Vec<Val>),
    /// A case of a `variant`, by its name, and its payload if it has one.
    Variant(Name, Option<Box<Val>>),
    /// A case of an `enum`, by its name.
    Enum(Name),
    /// `option<T>`.
    Option(Option<Box<Val>>),
    /// `result<T, E>`, with the payload if it has one.
    Result(Result<Option<Box<Val>>, Option<Box<Val>>>),
    /// The `flags` that are set, by name and in any order.
    Flags(Vec<Name>),
    /// `own<R>` or `borrow<R>`.
    Resource(ResourceAny),
    /// `stream<T>`: the readable end of one.
    Stream(StreamAny),
    /// `future<T>`: the readable end of one.
    Future(FutureAny),
    /// `error-context`.
    ErrorContext(ErrorContext),
}

impl PartialEq for Val {
    fn eq(&self, other: &Val) -> bool {
        match (self, other) {
            (Val::Bool(a), Val::Bool(b)) => a == b,
            (Val::S8(a), Val::S8(b)) => a == b,
            (Val::U8(a), Val::U8(b)) => a == b,
            (Val::S16(a), Val::S16(b)) => a == b,
            (Val::U16(a), Val::U16(b)) => a == b,
            (Val::S32(a), Val::S32(b)) => a == b,
            (Val::U32(a), Val::U32(b)) => a == b,
            (Val::S64(a), Val::S64(b)) => a == b,
            (Val::U64(a), Val::U64(b)) => a == b,
            (Val::Float32(a), Val::Float32(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Val::Float64(a), Val::Float64(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Val::Char(a), Val::Char(b)) => a == b,
            (Val::String(a), Val::String(b)) => a == b,
            (Val::Enum(a), Val::Enum(b)) => a == b,
            (Val::List(a), Val::List(b))
            | (Val::FixedLengthList(a), Val::FixedLengthList(b))
            | (Val::Tuple(a), Val::Tuple(b)) => a == b,
            (Val::Map(a), Val::Map(b)) => by_key(a) == by_key(b),
            (Val::Record(a), Val::Record(b)) => a == b,
            (Val::Variant(a, x), Val::Variant(b, y)) => a == b && x == y,
            (Val::Option(a), Val::Option(b)) => a == b,
            (Val::Result(a), Val::Result(b)) => a == b,
            (Val::Resource(a), Val::Resource(b)) => a == b,
            (Val::Stream(a), Val::Stream(b)) => a == b,
            (Val::Future(a), Val::Future(b)) => a == b,
            (Val::ErrorContext(a), Val::ErrorContext(b)) => a == b,
            (Val::Flags(a), Val::Flags(b)) => {
                a.iter().all(|label| b.contains(label)) && b.iter().all(|label| a.contains(label))
            }
            _ => false,
        }
    }
}

impl Eq for Val {}

/// What a map has for each of its keys. Each value is compared once, as maps are nested; and maps that
/// guests pass are long.
fn by_key(map: &[(Val, Val)]) -> HashMap<Key<'_>, &Val> {
    map.iter().map(|(key, value)| (Key(key), value)).collect()
}

/// A value that is looked up: what may be a key in WIT is hashed, and other values are all alike.
#[derive(PartialEq, Eq)]
struct Key<'a>(&'a Val);

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.0 {
            Val::Bool(value) => value.hash(state),
            Val::S8(value) => value.hash(state),
            Val::U8(value) => value.hash(state),
            Val::S16(value) => value.hash(state),
            Val::U16(value) => value.hash(state),
            Val::S32(value) => value.hash(state),
            Val::U32(value) => value.hash(state),
            Val::S64(value) => value.hash(state),
            Val::U64(value) => value.hash(state),
            Val::Char(value) => value.hash(state),
            Val::String(value) => value.hash(state),
            _ => {}
        }
    }
}

/// How a value fails to be of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ValMismatch {
    /// It is of another kind.
    Kind {
        /// What was asked for, in WIT's words.
        expected: String,
        /// What it is, in WIT's words.
        found: &'static str,
    },
    /// It names a case or label that the type doesn't have.
    Name {
        /// What the type is: `variant`, `enum` or `flags`.
        kind: &'static str,
        /// The name it doesn't have.
        name: String,
    },
    /// Its fields aren't the type's, in the type's order.
    Fields {
        /// What the type has.
        expected: String,
        /// What it has.
        found: String,
    },
    /// It has more or fewer elements.
    Length {
        /// How many the type has.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// There is no stack left to check what is inside.
    Depth,
    /// It is a resource that can't be given to the guest.
    Resource(String),
    /// It has a payload and should have none, or the other way round.
    Payload {
        /// The name of the case.
        case: String,
        /// Whether the type has a payload there.
        expected: bool,
    },
}

impl fmt::Display for ValMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValMismatch::Kind { expected, found } => {
                write!(
                    f,
                    "expected a value of type `{expected}`, found a `{found}`"
                )
            }
            ValMismatch::Name { kind, name } => {
                write!(f, "the `{kind}` type has no `{name}`")
            }
            ValMismatch::Fields { expected, found } => {
                write!(
                    f,
                    "expected a record with the fields `{expected}`, found `{found}`"
                )
            }
            ValMismatch::Length { expected, found } => {
                write!(f, "expected {expected} element(s), found {found}")
            }
            ValMismatch::Depth => {
                f.write_str("it is nested too deep to be checked on what is left of the stack")
            }
            ValMismatch::Resource(why) => f.write_str(why),
            ValMismatch::Payload {
                case,
                expected: true,
            } => write!(f, "expected a payload for the case `{case}`, found none"),
            ValMismatch::Payload {
                case,
                expected: false,
            } => write!(f, "expected no payload for the case `{case}`, found one"),
        }
    }
}

impl std::error::Error for ValMismatch {}

/// What values are checked against.
pub(crate) struct ValTypes<'a> {
    types: &'a ComponentTypes,
    /// What resources are checked against.
    resources: Option<HandleCheck<'a>>,
    /// How far down the stack may be used.
    stack: Cell<StackFloor>,
}

impl Deref for ValTypes<'_> {
    type Target = ComponentTypes;

    fn deref(&self) -> &ComponentTypes {
        self.types
    }
}

impl<'a> ValTypes<'a> {
    /// Types of values. Resources are not looked at: that is done when they are lowered.
    pub(crate) fn new(types: &'a ComponentTypes) -> ValTypes<'a> {
        ValTypes {
            types,
            resources: None,
            stack: Cell::new(StackFloor::unknown()),
        }
    }

    /// Types of the values of one call into an instance. Resources are checked as well.
    pub(crate) fn of_call(store: &'a StoreOpaque, instance: ComponentInstancePtr) -> ValTypes<'a> {
        ValTypes {
            types: &instance.description().types,
            resources: Some(HandleCheck::new(store, instance)),
            stack: Cell::new(StackFloor::unknown()),
        }
    }

    /// Checks that there is stack for what is inside of a value.
    fn check_stack(&self) -> Result<(), ValMismatch> {
        let mut stack = self.stack.get();
        let allows_more = stack.allows_more();
        self.stack.set(stack);
        match allows_more {
            true => Ok(()),
            false => Err(ValMismatch::Depth),
        }
    }

    /// Whether a resource or an end can be given away or lent, whatever comes before it.
    fn check_handle<H: Lower>(&self, found: &H, ty: InterfaceType) -> Result<(), ValMismatch> {
        let Some(resources) = &self.resources else {
            return Ok(());
        };
        found
            .check_handles(resources, ty)
            .map_err(|error| ValMismatch::Resource(error.to_string()))
    }
}

impl Val {
    /// It was to be passed on, which has failed on the way: what it owns that hasn't arrived goes.
    pub(crate) fn abandon(&self, store: &mut StoreOpaque) {
        match self {
            Val::Resource(resource) => resource.forget(store),
            Val::Stream(end) => end.abandon(store),
            Val::Future(end) => end.abandon(store),
            Val::List(vals) | Val::FixedLengthList(vals) | Val::Tuple(vals) => {
                vals.iter().for_each(|val| val.abandon(store));
            }
            Val::Map(entries) => entries.iter().for_each(|(_, val)| val.abandon(store)),
            Val::Record(fields) => fields.iter().for_each(|(_, val)| val.abandon(store)),
            Val::Variant(_, Some(val))
            | Val::Option(Some(val))
            | Val::Result(Ok(Some(val)) | Err(Some(val))) => val.abandon(store),
            _ => {}
        }
    }

    /// What kind of value it is, in WIT's words.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Val::Bool(_) => "bool",
            Val::S8(_) => "s8",
            Val::U8(_) => "u8",
            Val::S16(_) => "s16",
            Val::U16(_) => "u16",
            Val::S32(_) => "s32",
            Val::U32(_) => "u32",
            Val::S64(_) => "s64",
            Val::U64(_) => "u64",
            Val::Float32(_) => "f32",
            Val::Float64(_) => "f64",
            Val::Char(_) => "char",
            Val::String(_) => "string",
            Val::List(_) | Val::FixedLengthList(_) => "list",
            Val::Map(_) => "map",
            Val::Record(_) => "record",
            Val::Tuple(_) => "tuple",
            Val::Variant(..) => "variant",
            Val::Option(_) => "option",
            Val::Result(_) => "result",
            Val::Enum(_) => "enum",
            Val::Flags(_) => "flags",
            Val::Resource(_) => "resource",
            Val::Stream(_) => "stream",
            Val::Future(_) => "future",
            Val::ErrorContext(_) => "error-context",
        }
    }

    /// Whether it is a value of this type. What is inside is looked at out of line: there is a level of
    /// recursion for each level of the value that fits, on what may be the rest of a guest's stack.
    pub(crate) fn check(&self, types: &ValTypes<'_>, ty: InterfaceType) -> Result<(), ValMismatch> {
        match (self, ty) {
            (Val::Bool(_), InterfaceType::Bool)
            | (Val::S8(_), InterfaceType::S8)
            | (Val::U8(_), InterfaceType::U8)
            | (Val::S16(_), InterfaceType::S16)
            | (Val::U16(_), InterfaceType::U16)
            | (Val::S32(_), InterfaceType::S32)
            | (Val::U32(_), InterfaceType::U32)
            | (Val::S64(_), InterfaceType::S64)
            | (Val::U64(_), InterfaceType::U64)
            | (Val::Float32(_), InterfaceType::F32)
            | (Val::Float64(_), InterfaceType::F64)
            | (Val::Char(_), InterfaceType::Char)
            | (Val::String(_), InterfaceType::String)
            | (Val::ErrorContext(_), InterfaceType::ErrorContext) => Ok(()),
            _ => self.check_parts(types, ty),
        }
    }

    #[inline(never)]
    fn check_parts(&self, types: &ValTypes<'_>, ty: InterfaceType) -> Result<(), ValMismatch> {
        types.check_stack()?;
        match (self, ty) {
            (Val::List(elements), InterfaceType::List(index)) => {
                check_all(types, types.lists[index].element, elements)
            }
            (Val::FixedLengthList(elements), InterfaceType::FixedLengthList(index)) => {
                let expected = &types.fixed_length_lists[index];
                check_length(expected.length as usize, elements.len())?;
                check_all(types, expected.element, elements)
            }
            (Val::Map(entries), InterfaceType::Map(index)) => {
                let expected = &types.maps[index];
                entries.iter().try_for_each(|(key, value)| {
                    key.check(types, expected.key)?;
                    value.check(types, expected.value)
                })
            }
            (Val::Record(fields), InterfaceType::Record(index)) => {
                let expected = &types.records[index].fields;
                check_field_names(expected, fields)?;
                let mut fields = fields.iter().zip(expected);
                fields.try_for_each(|((_, val), (_, ty))| val.check(types, *ty))
            }
            (Val::Tuple(elements), InterfaceType::Tuple(index)) => {
                let expected = &types.tuples[index].types;
                check_length(expected.len(), elements.len())?;
                let mut elements = elements.iter().zip(expected);
                elements.try_for_each(|(val, ty)| val.check(types, *ty))
            }
            (Val::Variant(case, payload), InterfaceType::Variant(index)) => {
                let cases = &types.variants[index].cases;
                match cases.iter().find(|(name, _)| name == case) {
                    Some((_, ty)) => check_payload(types, case, *ty, payload),
                    None => Err(unknown_name("variant", case)),
                }
            }
            (Val::Option(payload), InterfaceType::Option(index)) => match payload {
                Some(payload) => payload.check(types, types.options[index].some),
                None => Ok(()),
            },
            (Val::Result(Ok(payload)), InterfaceType::Result(index)) => {
                check_payload(types, "ok", types.results[index].ok, payload)
            }
            (Val::Result(Err(payload)), InterfaceType::Result(index)) => {
                check_payload(types, "error", types.results[index].err, payload)
            }
            _ => self.check_leaf(types, ty),
        }
    }

    /// The same for what has no parts.
    #[inline(never)]
    fn check_leaf(&self, types: &ValTypes<'_>, ty: InterfaceType) -> Result<(), ValMismatch> {
        match (self, ty) {
            (Val::Enum(case), InterfaceType::Enum(index)) => {
                check_name("enum", case, &types.enums[index].cases)
            }
            (Val::Resource(resource), InterfaceType::Own(_) | InterfaceType::Borrow(_)) => {
                types.check_handle(resource, ty)
            }
            (Val::Stream(end), InterfaceType::Stream(_)) => types.check_handle(end, ty),
            (Val::Future(end), InterfaceType::Future(_)) => types.check_handle(end, ty),
            (Val::Flags(set), InterfaceType::Flags(index)) => {
                let labels = &types.flags[index].labels;
                set.iter()
                    .try_for_each(|label| check_name("flags", label, labels))
            }
            _ => Err(ValMismatch::Kind {
                expected: super::types::describe(types, ty),
                found: self.kind(),
            }),
        }
    }
}

fn check_all(
    types: &ValTypes<'_>,
    element: InterfaceType,
    elements: &[Val],
) -> Result<(), ValMismatch> {
    let mut elements = elements.iter();
    elements.try_for_each(|val| val.check(types, element))
}

fn check_length(expected: usize, found: usize) -> Result<(), ValMismatch> {
    if expected == found {
        return Ok(());
    }
    Err(ValMismatch::Length { expected, found })
}

#[inline(never)]
fn check_field_names(
    expected: &[(Name, InterfaceType)],
    found: &[(Name, Val)],
) -> Result<(), ValMismatch> {
    let expected = expected.iter().map(|(name, _)| name);
    let found = found.iter().map(|(name, _)| name);
    if expected.clone().eq(found.clone()) {
        return Ok(());
    }
    let join = |names: Vec<&str>| names.join(", ");
    Err(ValMismatch::Fields {
        expected: join(expected.map(Name::as_str).collect()),
        found: join(found.map(Name::as_str).collect()),
    })
}

fn check_payload(
    types: &ValTypes<'_>,
    case: &str,
    ty: Option<InterfaceType>,
    payload: &Option<Box<Val>>,
) -> Result<(), ValMismatch> {
    match (ty, payload) {
        (None, None) => Ok(()),
        (Some(ty), Some(payload)) => payload.check(types, ty),
        (expected, _) => Err(ValMismatch::Payload {
            case: case.to_owned(),
            expected: expected.is_some(),
        }),
    }
}

fn check_name(kind: &'static str, name: &Name, names: &[Name]) -> Result<(), ValMismatch> {
    if names.iter().any(|known| known == name) {
        return Ok(());
    }
    Err(unknown_name(kind, name))
}

#[cold]
#[inline(never)]
fn unknown_name(kind: &'static str, name: &Name) -> ValMismatch {
    ValMismatch::Name {
        kind,
        name: name.to_string(),
    }
}

macro_rules! from_rust {
    ($($rust:ty => $variant:ident,)*) => {$(
        impl From<$rust> for Val {
            fn from(value: $rust) -> Val {
                Val::$variant(value.into())
            }
        }
    )*};
}

from_rust! {
    bool => Bool,
    i8 => S8,
    u8 => U8,
    i16 => S16,
    u16 => U16,
    i32 => S32,
    u32 => U32,
    i64 => S64,
    u64 => U64,
    f32 => Float32,
    f64 => Float64,
    char => Char,
    String => String,
    &str => String,
    Vec<Val> => List,
}

#[cfg(test)]
mod tests {
    use super::*;
    use threadline_environ::component::{EnumType, FlagsType, ListType};

    fn names(list: &[&str]) -> Vec<Name> {
        list.iter().map(|&name| name.into()).collect()
    }

    #[test]
    fn all_nans_are_one_value() {
        assert_eq!(Val::Float32(f32::NAN), Val::Float32(-f32::NAN));
        assert_eq!(Val::Float64(0.0), Val::Float64(-0.0));
        assert_ne!(Val::Float64(f64::NAN), Val::Float64(0.0));
    }

    #[test]
    fn flags_are_sets() {
        let ab = Val::Flags(names(&["a", "b"]));
        assert_eq!(ab, Val::Flags(names(&["b", "a"])));
        assert_eq!(ab, Val::Flags(names(&["b", "a", "b"])));
        assert_ne!(ab, Val::Flags(names(&["a"])));
    }

    #[test]
    fn maps_are_compared_by_what_they_have_for_each_key() {
        let map = |entries: &[(u8, &str)]| {
            let entry = |&(key, value): &(u8, &str)| (Val::U8(key), Val::from(value));
            Val::Map(entries.iter().map(entry).collect())
        };
        assert_eq!(map(&[(1, "a"), (2, "b")]), map(&[(2, "b"), (1, "a")]));
        assert_eq!(map(&[(1, "x"), (1, "a")]), map(&[(1, "a")]));
        assert_ne!(map(&[(1, "a"), (1, "x")]), map(&[(1, "a")]));
        assert_ne!(map(&[(1, "a")]), map(&[(1, "a"), (2, "b")]));
        assert_ne!(map(&[(1, "a"), (2, "b")]), map(&[(1, "a")]));
        assert_ne!(map(&[(1, "a")]), map(&[(2, "a")]));
        let by_record = |value: u8| {
            let key = Val::Record(vec![("a".into(), Val::Float32(f32::NAN))]);
            Val::Map(vec![(key, Val::U8(value))])
        };
        assert_eq!(by_record(1), by_record(1));
        assert_ne!(by_record(1), by_record(2));
    }

    #[test]
    fn nested_and_long_maps_are_compared_in_time() {
        let nested = |levels: usize| {
            (0..levels).fold(Val::U8(0), |inner, _| Val::Map(vec![(Val::U8(1), inner)]))
        };
        assert_eq!(nested(90), nested(90));
        let long = |count: u32| Val::Map((0..count).map(|i| (Val::U32(i), Val::U8(0))).collect());
        assert_eq!(long(100_000), long(100_000));
    }

    #[test]
    fn equal_numbers_of_different_types_differ() {
        assert_ne!(Val::U32(1), Val::S32(1));
    }

    #[test]
    fn a_value_is_checked_against_a_type_to_its_last_name() {
        let mut types = ComponentTypes::default();
        let u8s = InterfaceType::List(types.lists.push(ListType {
            element: InterfaceType::U8,
        }));
        let color = InterfaceType::Enum(types.enums.push(EnumType {
            cases: names(&["red", "green"]),
        }));
        let rights = InterfaceType::Flags(types.flags.push(FlagsType {
            labels: names(&["read", "write"]),
        }));
        let check = |val: &Val, ty| {
            val.check(&ValTypes::new(&types), ty)
                .map_err(|error| error.to_string())
        };

        assert_eq!(check(&Val::List(vec![Val::U8(1)]), u8s), Ok(()));
        assert_eq!(
            check(&Val::List(vec![Val::U8(1), Val::S8(1)]), u8s),
            Err("expected a value of type `u8`, found a `s8`".to_owned())
        );
        assert_eq!(
            check(&Val::U8(1), u8s),
            Err("expected a value of type `list<u8>`, found a `u8`".to_owned())
        );
        assert_eq!(check(&Val::Enum("green".into()), color), Ok(()));
        assert_eq!(
            check(&Val::Enum("blue".into()), color),
            Err("the `enum` type has no `blue`".to_owned())
        );
        assert_eq!(check(&Val::Flags(names(&["write"])), rights), Ok(()));
        assert_eq!(
            check(&Val::Flags(names(&["write", "run"])), rights),
            Err("the `flags` type has no `run`".to_owned())
        );
    }
}

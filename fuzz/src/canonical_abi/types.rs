//! Types and values of the model, and how to make random ones.

use arbitrary::{Result, Unstructured};

/// A type of the component model, less those of handles.
#[derive(Clone, Debug, PartialEq)]
pub enum Ty {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    List(Box<Ty>),
    FixedLengthList(Box<Ty>, usize),
    Map(Box<Ty>, Box<Ty>),
    Record(Vec<Ty>),
    Tuple(Vec<Ty>),
    Variant(Vec<Option<Ty>>),
    Enum(usize),
    Option(Box<Ty>),
    Result(Option<Box<Ty>>, Option<Box<Ty>>),
    Flags(usize),
}

/// A value, with everything that is a special case of something else as that.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    /// Any integer.
    Int(i128),
    /// Bits; every NaN is [`NAN32`].
    F32(u32),
    /// Bits; every NaN is [`NAN64`].
    F64(u64),
    Char(char),
    String(String),
    /// A list of any kind, or a map as a list of entries.
    List(Vec<Value>),
    /// A record or tuple.
    Record(Vec<Value>),
    /// A variant, enum, option or result.
    Variant(usize, Option<Box<Value>>),
    Flags(u32),
}

/// The types without parts.
const SCALARS: [Ty; 13] = [
    Ty::Bool,
    Ty::S8,
    Ty::U8,
    Ty::S16,
    Ty::U16,
    Ty::S32,
    Ty::U32,
    Ty::S64,
    Ty::U64,
    Ty::F32,
    Ty::F64,
    Ty::Char,
    Ty::String,
];

pub const NAN32: u32 = 0x7FC0_0000;
pub const NAN64: u64 = 0x7FF8_0000_0000_0000;

/// The one value that all NaNs are.
pub fn f32_value(bits: u32) -> Value {
    let nan = f32::from_bits(bits).is_nan();
    Value::F32(if nan { NAN32 } else { bits })
}

/// The one value that all NaNs are.
pub fn f64_value(bits: u64) -> Value {
    let nan = f64::from_bits(bits).is_nan();
    Value::F64(if nan { NAN64 } else { bits })
}

impl Ty {
    /// The range of integers that it has, if those are what it has.
    pub fn int_range(&self) -> Option<(i128, i128)> {
        Some(match self {
            Ty::S8 => (i8::MIN.into(), i8::MAX.into()),
            Ty::U8 => (0, u8::MAX.into()),
            Ty::S16 => (i16::MIN.into(), i16::MAX.into()),
            Ty::U16 => (0, u16::MAX.into()),
            Ty::S32 => (i32::MIN.into(), i32::MAX.into()),
            Ty::U32 => (0, u32::MAX.into()),
            Ty::S64 => (i64::MIN.into(), i64::MAX.into()),
            Ty::U64 => (0, u64::MAX.into()),
            _ => return None,
        })
    }

    /// The payloads of its cases, if it is a kind of variant.
    pub fn cases(&self) -> Option<Vec<Option<&Ty>>> {
        Some(match self {
            Ty::Variant(cases) => cases.iter().map(Option::as_ref).collect(),
            Ty::Enum(count) => vec![None; *count],
            Ty::Option(some) => vec![None, Some(some)],
            Ty::Result(ok, err) => vec![ok.as_deref(), err.as_deref()],
            _ => return None,
        })
    }

    /// The types of its fields, if it is a kind of record.
    pub fn fields(&self) -> Option<Vec<&Ty>> {
        match self {
            Ty::Record(fields) | Ty::Tuple(fields) => Some(fields.iter().collect()),
            _ => None,
        }
    }

    /// The type of its elements, if it is a list whose length is not known.
    pub fn element(&self) -> Option<Ty> {
        match self {
            Ty::List(element) => Some((**element).clone()),
            Ty::Map(key, value) => Some(Ty::Tuple(vec![(**key).clone(), (**value).clone()])),
            _ => None,
        }
    }

    /// Types of every kind, and of every size that a kind has.
    pub fn of_each_kind() -> Vec<Ty> {
        let boxed = |ty| Box::new(ty);
        let mut types = SCALARS.to_vec();
        types.extend([
            Ty::List(boxed(Ty::U8)),
            Ty::List(boxed(Ty::String)),
            Ty::FixedLengthList(boxed(Ty::U16), 3),
            Ty::Map(boxed(Ty::String), boxed(Ty::U64)),
            Ty::Record(vec![Ty::U8, Ty::U64, Ty::Bool]),
            Ty::Record(vec![Ty::U32; 17]),
            Ty::Tuple(vec![Ty::Char, Ty::S16]),
            Ty::Variant(vec![Some(Ty::F32), None, Some(Ty::U64), Some(Ty::String)]),
            Ty::Variant(vec![Some(Ty::F32), Some(Ty::S32)]),
            Ty::Enum(3),
            Ty::Enum(257),
            Ty::Option(boxed(Ty::F64)),
            Ty::Result(Some(boxed(Ty::U8)), Some(boxed(Ty::String))),
            Ty::Result(None, None),
            Ty::Flags(8),
            Ty::Flags(9),
            Ty::Flags(32),
        ]);
        types
    }

    /// This type by itself, and as a part of others.
    pub fn in_each_position(&self) -> [Ty; 4] {
        let this = || self.clone();
        [
            this(),
            Ty::List(Box::new(this())),
            Ty::Variant(vec![Some(Ty::U8), Some(this())]),
            Ty::Record(vec![Ty::U8, this(), Ty::U8]),
        ]
    }

    /// A random type with at most so many levels.
    pub fn random(u: &mut Unstructured<'_>, levels: u32) -> Result<Ty> {
        if levels == 0 || u.ratio(1, 4)? {
            return Ok(u.choose(&SCALARS)?.clone());
        }
        let levels = levels - 1;
        let boxed = |u: &mut _| Ty::random(u, levels).map(Box::new);
        let maybe = |u: &mut Unstructured<'_>| match u.ratio(2, 3)? {
            true => Ty::random(u, levels).map(Some),
            false => Ok(None),
        };
        Ok(match u.int_in_range(0..=9)? {
            0 => Ty::List(boxed(u)?),
            1 => {
                let length = u.int_in_range(1..=5)?;
                Ty::FixedLengthList(boxed(u)?, length)
            }
            2 => {
                let keys = [Ty::Char, Ty::String, Ty::U8, Ty::S64, Ty::Bool, Ty::U32];
                Ty::Map(Box::new(u.choose(&keys)?.clone()), boxed(u)?)
            }
            3 => Ty::Record(many(u, 6, |u| Ty::random(u, levels))?),
            4 => Ty::Tuple(many(u, 6, |u| Ty::random(u, levels))?),
            5 => Ty::Variant(many(u, 6, maybe)?),
            6 => Ty::Enum(*u.choose(&[1, 2, 3, 255, 256, 257, 300])?),
            7 => Ty::Option(boxed(u)?),
            8 => Ty::Result(maybe(u)?.map(Box::new), maybe(u)?.map(Box::new)),
            _ => Ty::Flags(u.int_in_range(1..=32)?),
        })
    }

    /// A random value of this type.
    pub fn random_value(&self, u: &mut Unstructured<'_>) -> Result<Value> {
        if let Some((min, max)) = self.int_range() {
            let edge = u.ratio(1, 3)?;
            return Ok(Value::Int(match edge {
                true => *u.choose(&[min, max, 0, 1.min(max)])?,
                false => min + i128::from(u.arbitrary::<u64>()?) % (max - min + 1),
            }));
        }
        if let Some(cases) = self.cases() {
            let case = u.choose_index(cases.len())?;
            let payload = cases[case].map(|ty| ty.random_value(u)).transpose()?;
            return Ok(Value::Variant(case, payload.map(Box::new)));
        }
        if let Some(fields) = self.fields() {
            let values = fields.into_iter().map(|ty| ty.random_value(u));
            return Ok(Value::Record(values.collect::<Result<_>>()?));
        }
        if let Some(element) = self.element() {
            let length = u.int_in_range(0..=4)?;
            let values = (0..length).map(|_| element.random_value(u));
            return Ok(Value::List(values.collect::<Result<_>>()?));
        }
        Ok(match self {
            Ty::Bool => Value::Bool(u.arbitrary()?),
            Ty::F32 => f32_value(u.arbitrary()?),
            Ty::F64 => f64_value(u.arbitrary()?),
            Ty::Char => Value::Char(random_char(u)?),
            Ty::String => {
                let length = u.int_in_range(0..=12)?;
                let chars = (0..length).map(|_| random_char(u));
                Value::String(chars.collect::<Result<_>>()?)
            }
            Ty::FixedLengthList(element, length) => {
                let values = (0..*length).map(|_| element.random_value(u));
                Value::List(values.collect::<Result<_>>()?)
            }
            Ty::Flags(count) => Value::Flags(u.arbitrary::<u32>()? & (u32::MAX >> (32 - count))),
            other => unreachable!("{other:?} has been dealt with"),
        })
    }
}

fn many<T>(
    u: &mut Unstructured<'_>,
    max: usize,
    mut one: impl FnMut(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let count = u.int_in_range(1..=max)?;
    (0..count).map(|_| one(u)).collect()
}

/// A character of any of the lengths that encodings have.
fn random_char(u: &mut Unstructured<'_>) -> Result<char> {
    let ranges = [
        'a'..='z',
        'a'..='z',
        '\0'..='\u{7F}',
        '\u{80}'..='\u{FF}',
        '\u{100}'..='\u{7FF}',
        '\u{800}'..='\u{D7FF}',
        '\u{E000}'..='\u{FFFF}',
        '\u{10000}'..='\u{10FFFF}',
    ];
    let range = u.choose(&ranges)?.clone();
    u.int_in_range(u32::from(*range.start())..=u32::from(*range.end()))
        .map(|c| char::from_u32(c).unwrap_or('\u{FFFD}'))
}

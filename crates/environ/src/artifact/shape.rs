//! The shape of the descriptions in an image, so that it doesn't change without a new format.
//!
//! A deserializer makes values up and takes notes: of each struct its fields, of each enum its
//! variants, with the types in them. It is asked for descriptions until every variant of every enum
//! has been made.

use super::Descriptions;
use super::image_file::FORMAT;
use serde::de::value::Error;
use serde::de::{DeserializeSeed, EnumAccess, IntoDeserializer, SeqAccess, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The format, and a hash of the shape that it has. Where the shape has changed, raise `FORMAT`, and
/// put both here.
const PINNED: (u32, u64) = (6, 9_258_695_399_063_249_043);

/// Beyond this depth lists are empty: types that contain themselves do so in lists.
const MAX_DEPTH: u32 = 24;

#[test]
fn a_new_shape_of_the_descriptions_is_a_new_format() {
    let notes = RefCell::default();
    // Each round makes a variant more, at least.
    for _ in 0..10_000 {
        let parts = RefCell::default();
        let maker = Maker {
            notes: &notes,
            parts: &parts,
            depth: 0,
        };
        Descriptions::deserialize(maker).expect("what is made up has the right shape");
        if notes.borrow().is_complete() {
            break;
        }
    }
    let notes = notes.into_inner();
    let enums = &notes.enums;
    assert!(notes.is_complete(), "not all variants were made: {enums:?}");
    let shape = notes.types.iter();
    let shape = shape.map(|(name, parts)| format!("{name}: {}\n", parts.join(", ")));
    let shape: String = shape.collect();
    // FNV-1a.
    let hash = shape.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    assert_eq!((FORMAT, hash), PINNED, "the shape is now:\n{shape}");
}

/// What is known so far.
#[derive(Default)]
struct Notes {
    /// What is in each struct, and in each variant of an enum.
    types: BTreeMap<String, Vec<String>>,
    /// How many variants of each enum there are, and have been made.
    enums: BTreeMap<&'static str, (usize, usize)>,
}

impl Notes {
    fn is_complete(&self) -> bool {
        self.enums.values().all(|(count, made)| made >= count)
    }
}

/// Makes one value up; what it is made of goes to `parts`.
#[derive(Copy, Clone)]
struct Maker<'a> {
    notes: &'a RefCell<Notes>,
    parts: &'a RefCell<Vec<String>>,
    depth: u32,
}

impl<'a> Maker<'a> {
    fn part(&self, part: impl Into<String>) {
        self.parts.borrow_mut().push(part.into());
    }

    fn list(self, length: usize) -> Elements<'a> {
        Elements {
            maker: Maker {
                depth: self.depth + 1,
                ..self
            },
            left: length,
        }
    }

    /// Makes what is in a type or variant of this name.
    fn inside<R>(
        self,
        name: String,
        fields: &[&str],
        make: impl FnOnce(Maker<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let parts = RefCell::new(fields.iter().map(|&field| field.to_owned()).collect());
        let made = make(Maker {
            notes: self.notes,
            parts: &parts,
            depth: self.depth + 1,
        })?;
        let types = &mut self.notes.borrow_mut().types;
        types.entry(name).or_insert(parts.into_inner());
        Ok(made)
    }
}

struct Elements<'a> {
    maker: Maker<'a>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        seed.deserialize(self.maker).map(Some)
    }
}

/// A variant of an enum.
struct Variant<'a> {
    maker: Maker<'a>,
    index: u32,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let index = IntoDeserializer::<Error>::into_deserializer(self.index);
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.maker)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self.maker.list(length))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.maker.part(fields.join(" "));
        visitor.visit_seq(self.maker.list(fields.len()))
    }
}

macro_rules! plain {
    ($($method:ident: $visit:ident($($value:expr)?);)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.part(stringify!($visit).trim_start_matches("visit_"));
            visitor.$visit($($value)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Maker<'_> {
    type Error = Error;

    plain! {
        deserialize_bool: visit_bool(false);
        deserialize_i8: visit_i8(0);
        deserialize_i16: visit_i16(0);
        deserialize_i32: visit_i32(0);
        deserialize_i64: visit_i64(0);
        deserialize_i128: visit_i128(0);
        deserialize_u8: visit_u8(0);
        deserialize_u16: visit_u16(0);
        deserialize_u32: visit_u32(0);
        deserialize_u64: visit_u64(0);
        deserialize_u128: visit_u128(0);
        deserialize_f32: visit_f32(0.0);
        deserialize_f64: visit_f64(0.0);
        deserialize_char: visit_char('\0');
        deserialize_str: visit_str("");
        deserialize_string: visit_str("");
        deserialize_bytes: visit_bytes(&[]);
        deserialize_byte_buf: visit_bytes(&[]);
        deserialize_unit: visit_unit();
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.part("option");
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.part("list");
        visitor.visit_seq(self.list(usize::from(self.depth < MAX_DEPTH)))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.part(format!("tuple of {length}"));
        visitor.visit_seq(self.list(length))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.part(name);
        self.inside(name.to_owned(), fields, |maker| {
            visitor.visit_seq(maker.list(fields.len()))
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.part(name);
        self.inside(name.to_owned(), &[], |maker| {
            visitor.visit_seq(maker.list(length))
        })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.part(name);
        self.inside(name.to_owned(), &[], |maker| {
            visitor.visit_newtype_struct(maker)
        })
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.part(name);
        visitor.visit_unit()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.part(name);
        let index = {
            let enums = &mut self.notes.borrow_mut().enums;
            let (_, made) = enums.entry(name).or_insert((variants.len(), 0));
            *made += 1;
            (*made - 1) % variants.len()
        };
        let of = format!("{name} {index} {}", variants[index]);
        self.inside(of, &[], |maker| {
            visitor.visit_enum(Variant {
                maker,
                index: index as u32,
            })
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("images have no maps"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("images don't describe themselves"))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }
}

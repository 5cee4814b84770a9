//! `bool`, integers, floats and `char`.

use super::abi::TypeAbi;
use super::context::array;
use super::{ComponentType, Lift, LiftContext, Lower, LowerContext, TypeContext, TypeMismatch};
use crate::trap::Trap;
use crate::vm::val_raw;
use anyhow::Result;
use threadline_environ::component::InterfaceType;
use threadline_environ::layout::ValRaw;

/// The NaN that all lifted `f32` NaNs become.
const CANONICAL_NAN_32: u32 = 0x7fc0_0000;
/// The NaN that all lifted `f64` NaNs become.
const CANONICAL_NAN_64: u64 = 0x7ff8_0000_0000_0000;

/// `convert_int_to_bool`.
fn to_bool(value: i32) -> bool {
    value != 0
}

/// `convert_i32_to_char`.
pub(super) fn to_char(value: u32) -> Result<char> {
    Ok(char::from_u32(value).ok_or(Trap::InvalidChar)?)
}

/// `canonicalize_nan32`.
fn to_f32(bits: u32) -> f32 {
    let value = f32::from_bits(bits);
    if value.is_nan() {
        f32::from_bits(CANONICAL_NAN_32)
    } else {
        value
    }
}

/// `canonicalize_nan64`.
fn to_f64(bits: u64) -> f64 {
    let value = f64::from_bits(bits);
    if value.is_nan() {
        f64::from_bits(CANONICAL_NAN_64)
    } else {
        value
    }
}

/// Elements of a list whose bytes are converted one by one; found to be a copy where it is one.
macro_rules! one_by_one {
    (store $rust:ty, $size:literal, $stored:ident, $store:expr) => {
        fn store_elements(
            elements: &[$rust],
            cx: &mut LowerContext<'_>,
            _ty: InterfaceType,
            address: usize,
        ) -> Result<()> {
            let to = cx.bytes(address, elements.len() * $size)?;
            for (to, &$stored) in to.chunks_exact_mut($size).zip(elements) {
                let bytes: [u8; $size] = $store;
                to.copy_from_slice(&bytes);
            }
            Ok(())
        }
    };
    (load $rust:ty, $size:literal, $bytes:ident, $load:expr) => {
        fn load_elements(
            cx: &mut LiftContext<'_>,
            _ty: InterfaceType,
            from: &[u8],
            count: usize,
        ) -> Result<Vec<$rust>> {
            let mut elements = cx.room(count)?;
            let mut failure = None;
            elements.extend(from.chunks_exact($size).map(|from| {
                let $bytes: [u8; $size] = array(from);
                let value: Result<$rust> = $load;
                value.unwrap_or_else(|error| {
                    failure = Some(error);
                    <$rust>::default()
                })
            }));
            match failure {
                None => Ok(elements),
                Some(error) => Err(error),
            }
        }
    };
}

/// Elements of a list that are its bytes.
macro_rules! as_they_are {
    (store $rust:ty, $($rest:tt)*) => {
        fn store_elements(
            elements: &[$rust],
            cx: &mut LowerContext<'_>,
            _ty: InterfaceType,
            address: usize,
        ) -> Result<()> {
            cx.write(address, elements)
        }
    };
    (load $rust:ty, $($rest:tt)*) => {
        fn load_elements(
            cx: &mut LiftContext<'_>,
            _ty: InterfaceType,
            from: &[u8],
            count: usize,
        ) -> Result<Vec<$rust>> {
            let mut elements = cx.room(count)?;
            elements.extend_from_slice(from);
            Ok(elements)
        }
    };
}

/// Each scalar: the Rust type, its type and name in the component model, its bytes, how lists of it
/// are moved; then how it is lowered to a slot, lifted from one, made bytes and made of bytes.
macro_rules! scalars {
    ($($rust:ty = $variant:ident $name:literal $size:literal, elements $elements:ident {
        lower: |$lowered:ident| $lower:expr,
        lift: |$slot:ident| $lift:expr,
        store: |$stored:ident| $store:expr,
        load: |$bytes:ident| $load:expr,
    })*) => {$(
        impl ComponentType for $rust {
            const ABI: TypeAbi = TypeAbi::scalar($size);

            fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
                match ty {
                    InterfaceType::$variant => Ok(()),
                    other => Err(TypeMismatch::new(cx, other, $name)),
                }
            }
        }

        impl Lower for $rust {
            #[inline]
            fn lower_flat(
                &self,
                _cx: &mut LowerContext<'_>,
                _ty: InterfaceType,
                to: &mut [ValRaw],
            ) -> Result<()> {
                let $lowered = *self;
                to[0] = $lower;
                Ok(())
            }

            #[inline]
            fn store(
                &self,
                cx: &mut LowerContext<'_>,
                _ty: InterfaceType,
                address: usize,
            ) -> Result<()> {
                let $stored = *self;
                let bytes: [u8; $size] = $store;
                cx.write(address, &bytes)
            }

            $elements! { store $rust, $size, $stored, $store }
        }

        impl Lift for $rust {
            #[inline]
            fn lift_flat(
                _cx: &mut LiftContext<'_>,
                _ty: InterfaceType,
                from: &[ValRaw],
            ) -> Result<$rust> {
                let $slot = &from[0];
                $lift
            }

            #[inline]
            fn load(_cx: &mut LiftContext<'_>, _ty: InterfaceType, from: &[u8]) -> Result<$rust> {
                let $bytes: [u8; $size] = array(from);
                $load
            }

            $elements! { load $rust, $size, $bytes, $load }
        }
    )*};
}

/// Integers: an i32 or i64 slot, of which the type's own bits count.
macro_rules! integers {
    ($($rust:ident = $variant:ident $name:literal $size:literal in $core:ident by $from:ident, elements $elements:ident;)*) => {
        scalars! {$(
            $rust = $variant $name $size, elements $elements {
                lower: |value| val_raw::$from(value as $core),
                lift: |slot| Ok(val_raw::$core(slot) as $rust),
                store: |value| value.to_le_bytes(),
                load: |bytes| Ok($rust::from_le_bytes(bytes)),
            }
        )*}
    };
}

integers! {
    i8 = S8 "s8" 1 in i32 by from_i32, elements one_by_one;
    u8 = U8 "u8" 1 in i32 by from_i32, elements as_they_are;
    i16 = S16 "s16" 2 in i32 by from_i32, elements one_by_one;
    u16 = U16 "u16" 2 in i32 by from_i32, elements one_by_one;
    i32 = S32 "s32" 4 in i32 by from_i32, elements one_by_one;
    u32 = U32 "u32" 4 in i32 by from_i32, elements one_by_one;
    i64 = S64 "s64" 8 in i64 by from_i64, elements one_by_one;
    u64 = U64 "u64" 8 in i64 by from_i64, elements one_by_one;
}

scalars! {
    bool = Bool "bool" 1, elements one_by_one {
        lower: |value| val_raw::from_i32(i32::from(value)),
        lift: |slot| Ok(to_bool(val_raw::i32(slot))),
        store: |value| [u8::from(value)],
        load: |bytes| Ok(to_bool(i32::from(bytes[0]))),
    }
    f32 = F32 "f32" 4, elements one_by_one {
        lower: |value| val_raw::from_f32(value.to_bits()),
        lift: |slot| Ok(to_f32(val_raw::f32(slot))),
        store: |value| value.to_le_bytes(),
        load: |bytes| Ok(to_f32(u32::from_le_bytes(bytes))),
    }
    f64 = F64 "f64" 8, elements one_by_one {
        lower: |value| val_raw::from_f64(value.to_bits()),
        lift: |slot| Ok(to_f64(val_raw::f64(slot))),
        store: |value| value.to_le_bytes(),
        load: |bytes| Ok(to_f64(u64::from_le_bytes(bytes))),
    }
    char = Char "char" 4, elements one_by_one {
        lower: |value| val_raw::from_i32(value as i32),
        lift: |slot| to_char(val_raw::i32(slot) as u32),
        store: |value| u32::from(value).to_le_bytes(),
        load: |bytes| to_char(u32::from_le_bytes(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use threadline_environ::component::ComponentTypes;

    #[test]
    fn only_unicode_scalar_values_are_chars() {
        assert_eq!(to_char(0x41).ok(), Some('A'));
        assert_eq!(to_char(0x10_ffff).ok(), Some('\u{10ffff}'));
        for bad in [0xd800, 0xdfff, 0x11_0000, u32::MAX] {
            let error = to_char(bad).expect_err("not a char");
            assert_eq!(error.downcast_ref(), Some(&Trap::InvalidChar));
        }
    }

    #[test]
    fn lifted_nans_are_canonical() {
        assert_eq!(to_f32(0xffc0_1234).to_bits(), CANONICAL_NAN_32);
        assert_eq!(to_f64(0x7ff0_0000_0000_0001).to_bits(), CANONICAL_NAN_64);
        assert_eq!(to_f32((-0.0_f32).to_bits()).to_bits(), (-0.0_f32).to_bits());
    }

    #[test]
    fn integers_stand_for_the_type_of_their_name_alone() {
        let types = ComponentTypes::default();
        let cx = TypeContext::new(&types);
        assert_eq!(u32::typecheck(&cx, InterfaceType::U32), Ok(()));
        let error = u32::typecheck(&cx, InterfaceType::S32).expect_err("another type");
        assert_eq!(error.to_string(), "expected `s32`, found `u32`");
    }
}

//! `string`, in utf-8.

use super::{ComponentType, Lift, LiftContext, Lower, LowerContext, TypeMismatch};
use crate::trap::Trap;
use crate::vm::val_raw;
use anyhow::Result;
use threadline_environ::canonical_abi::MAX_STRING_BYTE_LENGTH;
use threadline_environ::component::{ComponentTypes, InterfaceType};
use threadline_environ::layout::ValRaw;

/// Puts an address and a length in two slots.
pub(super) fn lower_range((address, length): (u32, u32), to: &mut [ValRaw]) {
    to[0] = val_raw::from_i32(address as i32);
    to[1] = val_raw::from_i32(length as i32);
}

/// Puts an address and a length in memory.
pub(super) fn store_range(
    cx: &mut LowerContext<'_>,
    (address, length): (u32, u32),
    to: u32,
) -> Result<()> {
    let range = u64::from(address) | u64::from(length) << 32;
    cx.write(to, &range.to_le_bytes())
}

/// Takes an address and a length from two slots.
pub(super) fn lift_range(from: &[ValRaw]) -> (u32, u32) {
    (val_raw::i32(&from[0]) as u32, val_raw::i32(&from[1]) as u32)
}

/// Takes an address and a length from memory.
pub(super) fn load_range(cx: &LiftContext<'_>, from: u32) -> Result<(u32, u32)> {
    let range = u64::from_le_bytes(cx.load(from)?);
    Ok((range as u32, (range >> 32) as u32))
}

/// `store_string_into_range`.
fn store_string(cx: &mut LowerContext<'_>, string: &str) -> Result<(u32, u32)> {
    cx.allocate_bytes(string.as_bytes(), MAX_STRING_BYTE_LENGTH)
}

/// `load_string_from_range`.
fn load_string(cx: &LiftContext<'_>, (address, length): (u32, u32)) -> Result<String> {
    if length > MAX_STRING_BYTE_LENGTH {
        return Err(Trap::ListTooLong.into());
    }
    let bytes = cx.bytes(address, length as usize, Trap::StringPointerOutOfBounds)?;
    Ok(utf8(bytes)?.to_owned())
}

/// Checks that bytes are utf-8.
fn utf8(bytes: &[u8]) -> Result<&str, Trap> {
    std::str::from_utf8(bytes).map_err(|error| match error.error_len() {
        Some(_) => Trap::InvalidUtf8,
        None => Trap::IncompleteUtf8,
    })
}

impl ComponentType for str {
    const FLAT_COUNT: usize = 2;
    const SIZE: u32 = 8;
    const ALIGN: u32 = 4;

    fn typecheck(types: &ComponentTypes, ty: InterfaceType) -> Result<(), TypeMismatch> {
        match ty {
            InterfaceType::String => Ok(()),
            other => Err(TypeMismatch::new(types, other, "string")),
        }
    }
}

impl Lower for str {
    fn lower_flat(&self, cx: &mut LowerContext<'_>, to: &mut [ValRaw]) -> Result<()> {
        lower_range(store_string(cx, self)?, to);
        Ok(())
    }

    fn store(&self, cx: &mut LowerContext<'_>, address: u32) -> Result<()> {
        let range = store_string(cx, self)?;
        store_range(cx, range, address)
    }
}

impl ComponentType for String {
    const FLAT_COUNT: usize = str::FLAT_COUNT;
    const SIZE: u32 = str::SIZE;
    const ALIGN: u32 = str::ALIGN;

    fn typecheck(types: &ComponentTypes, ty: InterfaceType) -> Result<(), TypeMismatch> {
        str::typecheck(types, ty)
    }
}

impl Lower for String {
    fn lower_flat(&self, cx: &mut LowerContext<'_>, to: &mut [ValRaw]) -> Result<()> {
        self.as_str().lower_flat(cx, to)
    }

    fn store(&self, cx: &mut LowerContext<'_>, address: u32) -> Result<()> {
        self.as_str().store(cx, address)
    }
}

impl Lift for String {
    fn lift_flat(cx: &LiftContext<'_>, from: &[ValRaw]) -> Result<String> {
        load_string(cx, lift_range(from))
    }

    fn load(cx: &LiftContext<'_>, address: u32) -> Result<String> {
        load_string(cx, load_range(cx, address)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_and_incomplete_utf8_are_told_apart() {
        assert_eq!(utf8("ö☃".as_bytes()), Ok("ö☃"));
        assert_eq!(utf8(b"a\xff"), Err(Trap::InvalidUtf8));
        assert_eq!(utf8(b"a\xc3"), Err(Trap::IncompleteUtf8));
        // A surrogate half.
        assert_eq!(utf8(b"\xed\xa0\x80"), Err(Trap::InvalidUtf8));
    }
}

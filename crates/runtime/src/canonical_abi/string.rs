//! `string`, in the three encodings that a guest may choose.
//!
//! A string of the host's is UTF-8, also as far as the specification is concerned, which goes by a
//! string's encoding in how often and with which sizes it calls `realloc`.

use super::abi::TypeAbi;
use super::context::Range;
use super::{ComponentType, Lift, LiftContext, Lower, LowerContext, TypeContext, TypeMismatch};
use crate::trap::Trap;
use anyhow::Result;
use threadline_environ::canonical_abi::{MAX_STRING_BYTE_LENGTH, SizeAlign, utf16_tag};
use threadline_environ::component::{InterfaceType, StringEncoding};
use threadline_environ::layout::ValRaw;

/// `load_string_from_range`, of a pointer and a length that a guest passes by themselves.
pub(crate) fn load_string_at(
    cx: &mut LiftContext<'_>,
    [address, length]: [u64; 2],
) -> Result<String> {
    load_string(cx, Range { address, length })
}

/// `store_string`, at an address that a guest passes.
pub(crate) fn store_string_at(cx: &mut LowerContext<'_>, string: &str, address: u64) -> Result<()> {
    let SizeAlign { size, align } = TypeAbi::RANGE.size_align(cx.address());
    let address = cx.check_pointer(address, align, size)?;
    let range = store_string(cx, string)?;
    cx.range_to_memory(range, address)
}

/// `store_string_into_range`.
pub(super) fn store_string(cx: &mut LowerContext<'_>, string: &str) -> Result<Range> {
    let bytes = u32::try_from(string.len()).unwrap_or(u32::MAX);
    if bytes > MAX_STRING_BYTE_LENGTH {
        return Err(Trap::ListTooLong.into());
    }
    match cx.string_encoding() {
        StringEncoding::Utf8 => {
            let address = cx.allocate(1, bytes)?;
            cx.write(address, string.as_bytes())?;
            Ok(range(address, bytes))
        }
        StringEncoding::Utf16 => store_utf8_to_utf16(cx, string, bytes),
        StringEncoding::Latin1Utf16 => store_string_to_latin1_or_utf16(cx, string, bytes),
    }
}

fn range(address: usize, length: u32) -> Range {
    Range {
        address: address as u64,
        length: length.into(),
    }
}

/// `store_utf8_to_utf16`: room for the worst case, then as much as it is.
fn store_utf8_to_utf16(cx: &mut LowerContext<'_>, string: &str, bytes: u32) -> Result<Range> {
    let worst_case = 2 * bytes;
    let address = cx.allocate(2, worst_case)?;
    let units = encode_utf16(cx.bytes(address, worst_case as usize)?, string);
    let address = shrink(cx, address, worst_case, 2 * units)?;
    Ok(range(address, units))
}

/// Writes a string as UTF-16 to where there is room for it; the number of code units.
fn encode_utf16(to: &mut [u8], string: &str) -> u32 {
    let mut units = 0;
    for (to, unit) in to.chunks_exact_mut(2).zip(string.encode_utf16()) {
        to.copy_from_slice(&unit.to_le_bytes());
        units += 1;
    }
    units
}

/// Gives back what isn't needed of an allocation for UTF-16 or Latin-1.
fn shrink(cx: &mut LowerContext<'_>, address: usize, old: u32, new: u32) -> Result<usize> {
    if new == old {
        return Ok(address);
    }
    cx.reallocate(address, old, 2, new)
}

/// `store_string_to_latin1_or_utf16`: Latin-1, up to the first character that isn't.
fn store_string_to_latin1_or_utf16(
    cx: &mut LowerContext<'_>,
    string: &str,
    bytes: u32,
) -> Result<Range> {
    let address = cx.allocate(2, bytes)?;
    let to = cx.bytes(address, bytes as usize)?;
    let mut latin1 = 0;
    for (to, char) in to.iter_mut().zip(string.chars()) {
        let Ok(byte) = u8::try_from(u32::from(char)) else {
            return inflate(cx, string, (address, bytes), latin1);
        };
        *to = byte;
        latin1 += 1;
    }
    let address = shrink(cx, address, bytes, latin1)?;
    Ok(range(address, latin1))
}

/// Goes on in UTF-16, `latin1` characters having been written in a byte each to an allocation of
/// `bytes` bytes.
fn inflate(
    cx: &mut LowerContext<'_>,
    string: &str,
    (address, bytes): (usize, u32),
    latin1: u32,
) -> Result<Range> {
    let worst_case = 2 * bytes;
    let address = cx.reallocate(address, bytes, 2, worst_case)?;
    let to = cx.bytes(address, worst_case as usize)?;
    let latin1 = latin1 as usize;
    for i in (0..latin1).rev() {
        (to[2 * i], to[2 * i + 1]) = (to[i], 0);
    }
    let rest = string.char_indices().nth(latin1).map_or(0, |(at, _)| at);
    let units = latin1 as u32 + encode_utf16(&mut to[2 * latin1..], &string[rest..]);
    let address = shrink(cx, address, worst_case, 2 * units)?;
    Ok(Range {
        address: address as u64,
        length: u64::from(units) | utf16_tag(cx.address()),
    })
}

/// The code units of a string in a guest's memory, where what is in them has not been looked at.
enum CodeUnits<'a> {
    Utf8(&'a [u8]),
    Utf16(&'a [u8]),
    Latin1(&'a [u8]),
}

/// Checks where a string lies and how long it is; not what is in it.
fn code_units<'a>(cx: &mut LiftContext<'a>, range: Range) -> Result<CodeUnits<'a>> {
    let tag = utf16_tag(cx.address());
    Ok(match cx.string_encoding() {
        StringEncoding::Utf8 => CodeUnits::Utf8(string_bytes(cx, range, 1, 1)?),
        StringEncoding::Utf16 => CodeUnits::Utf16(string_bytes(cx, range, 2, 2)?),
        StringEncoding::Latin1Utf16 if range.length & tag != 0 => {
            let length = range.length ^ tag;
            CodeUnits::Utf16(string_bytes(cx, Range { length, ..range }, 2, 2)?)
        }
        StringEncoding::Latin1Utf16 => CodeUnits::Latin1(string_bytes(cx, range, 1, 2)?),
    })
}

/// `load_string_from_range`.
pub(super) fn load_string(cx: &mut LiftContext<'_>, range: Range) -> Result<String> {
    match code_units(cx, range)? {
        CodeUnits::Utf8(bytes) => {
            let bytes = utf8(bytes)?;
            let mut string = room(cx, bytes.len())?;
            string.push_str(bytes);
            Ok(string)
        }
        CodeUnits::Utf16(bytes) => load_utf16(cx, bytes),
        CodeUnits::Latin1(bytes) => {
            let wide = bytes.iter().filter(|byte| !byte.is_ascii()).count();
            let mut string = room(cx, bytes.len() + wide)?;
            string.extend(bytes.iter().copied().map(char::from));
            Ok(string)
        }
    }
}

fn load_utf16(cx: &mut LiftContext<'_>, bytes: &[u8]) -> Result<String> {
    let (units, _) = bytes.as_chunks::<2>();
    let decode = || char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)));
    // Twice over the units is less work than growing the string.
    let mut bytes = 0;
    for char in decode() {
        bytes += char.map_err(|_| Trap::InvalidString)?.len_utf8();
    }
    let mut string = room(cx, bytes)?;
    string.extend(decode().flatten());
    Ok(string)
}

/// An empty string with room for so many bytes.
fn room(cx: &mut LiftContext<'_>, bytes: usize) -> Result<String> {
    // Of an empty vector nothing can be wrong.
    Ok(String::from_utf8(cx.room(bytes)?).unwrap_or_default())
}

/// Checks where a string lies and how long it is; not what is in it.
pub(super) fn check_string(cx: &mut LiftContext<'_>, range: Range) -> Result<()> {
    code_units(cx, range).map(drop)
}

/// The bytes of a string with code units of so many bytes.
fn string_bytes<'a>(
    cx: &mut LiftContext<'a>,
    Range { address, length }: Range,
    unit: u64,
    align: u32,
) -> Result<&'a [u8]> {
    let bytes = length.checked_mul(unit);
    let bytes = bytes.filter(|&bytes| bytes <= MAX_STRING_BYTE_LENGTH.into());
    let bytes = bytes.ok_or(Trap::ListTooLong)?;
    cx.bytes(address, bytes, align, Trap::StringPointerOutOfBounds)
}

/// Checks that bytes are utf-8.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Trap> {
    std::str::from_utf8(bytes).map_err(|error| match error.error_len() {
        Some(_) => Trap::InvalidUtf8,
        None => Trap::IncompleteUtf8,
    })
}

impl ComponentType for str {
    const ABI: TypeAbi = TypeAbi::RANGE;

    fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
        match ty {
            InterfaceType::String => Ok(()),
            other => Err(TypeMismatch::new(cx, other, "string")),
        }
    }
}

impl Lower for str {
    fn lower_flat(
        &self,
        cx: &mut LowerContext<'_>,
        _ty: InterfaceType,
        to: &mut [ValRaw],
    ) -> Result<()> {
        let range = store_string(cx, self)?;
        cx.range_to_slots(range, to);
        Ok(())
    }

    fn store(&self, cx: &mut LowerContext<'_>, _ty: InterfaceType, address: usize) -> Result<()> {
        let range = store_string(cx, self)?;
        cx.range_to_memory(range, address)
    }
}

impl ComponentType for String {
    const ABI: TypeAbi = str::ABI;

    fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
        str::typecheck(cx, ty)
    }
}

impl Lower for String {
    fn lower_flat(
        &self,
        cx: &mut LowerContext<'_>,
        ty: InterfaceType,
        to: &mut [ValRaw],
    ) -> Result<()> {
        self.as_str().lower_flat(cx, ty, to)
    }

    fn store(&self, cx: &mut LowerContext<'_>, ty: InterfaceType, address: usize) -> Result<()> {
        self.as_str().store(cx, ty, address)
    }
}

impl Lift for String {
    fn lift_flat(cx: &mut LiftContext<'_>, _ty: InterfaceType, from: &[ValRaw]) -> Result<String> {
        let range = cx.range_from_slots(from);
        load_string(cx, range)
    }

    fn load(cx: &mut LiftContext<'_>, _ty: InterfaceType, from: &[u8]) -> Result<String> {
        let range = cx.range_from_memory(from);
        load_string(cx, range)
    }
}

impl Lift for Box<str> {
    fn lift_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[ValRaw]) -> Result<Self> {
        Ok(String::lift_flat(cx, ty, from)?.into())
    }

    fn load(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8]) -> Result<Self> {
        Ok(String::load(cx, ty, from)?.into())
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

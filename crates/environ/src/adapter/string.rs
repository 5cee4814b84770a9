//! `string`: from each encoding to each (`load_string_from_range`, `store_string_into_range`).
//!
//! How often `realloc` is called, with which sizes, and what is in the memory then can be seen by
//! the guest it belongs to; all is as in the specification. Characters are copied and checked by
//! trampolines ([`Transcode`]); whether they are is seen when they are read for the first time,
//! which may be after a `realloc`. That is as good as before: a trap is a trap.

use super::Peer;
use super::body::Body;
use super::code::Local;
use super::imports::AdapterImport;
use super::place::Move;
use super::realloc::ByteLength;
use crate::TrapCode;
use crate::canonical_abi::{FlatType, MAX_STRING_BYTE_LENGTH};
use crate::component::{StringEncoding, Transcode};
use crate::error::Result;
use wasm_encoder::BlockType;

/// How a string is encoded where it comes from.
#[derive(Copy, Clone)]
enum Source {
    Utf8,
    Utf16,
    /// In the encoding `latin1+utf16`, not tagged.
    Latin1,
    /// In the encoding `latin1+utf16`, tagged.
    TaggedUtf16,
}

impl Source {
    /// Binary logarithm of the bytes of a code unit.
    fn unit_log2(self) -> i32 {
        match self {
            Source::Utf8 | Source::Latin1 => 0,
            Source::Utf16 | Source::TaggedUtf16 => 1,
        }
    }
}

/// A string and what becomes of it.
#[derive(Copy, Clone)]
struct Text {
    from: Peer,
    to: Peer,
    /// Where it is, in bounds.
    src: Local,
    /// How many code units it has: an i32.
    units: Local,
    /// Where it will be.
    dst: Local,
    /// How many code units it will have.
    length: Local,
    /// 1 if those are UTF-16 in the encoding `latin1+utf16`, else 0.
    tag: Option<Local>,
}

impl Body<'_> {
    /// Moves a string.
    pub(super) fn string(&mut self, mv: Move<'_>) -> Result<()> {
        let encoding = self.encoding_from(mv.from, mv.to);
        let target = self.encoding_to(mv);
        let (src, tagged) = self.load_range(mv)?;
        let (units, is_utf16) = self.check_string(mv.from, encoding, src, tagged)?;
        let (from, to) = (mv.from, mv.to);
        let dst = self.code.new_local(self.pointer_type(to));
        let length = self.code.new_local(FlatType::I32);
        let tag = match target {
            StringEncoding::Latin1Utf16 => Some(self.code.new_local(FlatType::I32)),
            StringEncoding::Utf8 | StringEncoding::Utf16 => None,
        };
        #[rustfmt::skip]
        let text = Text { from, to, src, units, dst, length, tag };
        match (encoding, is_utf16) {
            (StringEncoding::Latin1Utf16, Some(is_utf16)) => {
                self.get(is_utf16);
                self.emit().if_(BlockType::Empty);
                self.store_string(Source::TaggedUtf16, target, text)?;
                self.emit().else_();
                self.store_string(Source::Latin1, target, text)?;
                self.emit().end();
            }
            (StringEncoding::Utf16, _) => self.store_string(Source::Utf16, target, text)?,
            (StringEncoding::Utf8 | StringEncoding::Latin1Utf16, _) => {
                self.store_string(Source::Utf8, target, text)?;
            }
        }
        self.store_range(mv, dst, length, tag)
    }

    /// The encoding that a string is lowered in; in the scratch memory, its own.
    fn encoding_to(&self, mv: Move<'_>) -> StringEncoding {
        match mv.to {
            Peer::Scratch => self.encoding_from(mv.from, mv.to),
            to => self.options(to).string_encoding,
        }
    }

    /// Traps if a string is too long, misaligned or out of bounds. How many code units it has
    /// as an i32, and, in the encoding `latin1+utf16`, whether they are UTF-16.
    fn check_string(
        &mut self,
        peer: Peer,
        encoding: StringEncoding,
        src: Local,
        tagged: Local,
    ) -> Result<(Local, Option<Local>)> {
        let (units, align, shift) = match encoding {
            StringEncoding::Utf8 => (tagged, 1, None),
            StringEncoding::Utf16 => (tagged, 2, Some(None)),
            StringEncoding::Latin1Utf16 => {
                let (units, is_utf16) = self.split_tag(tagged);
                (units, 2, Some(Some(is_utf16)))
            }
        };
        let is_utf16 = shift.flatten();
        let max = self.code.new_local(FlatType::I32);
        self.emit().i32_const(MAX_STRING_BYTE_LENGTH as i32);
        match shift {
            None => {}
            Some(None) => {
                self.emit().i32_const(1).i32_shr_u();
            }
            Some(Some(is_utf16)) => {
                self.get(is_utf16);
                self.emit().i32_shr_u();
            }
        }
        self.set(max);
        self.get(units);
        self.get(max);
        let units = if units.ty == FlatType::I64 {
            self.emit().i64_extend_i32_u().i64_gt_u();
            self.trap_if(TrapCode::ListTooLong);
            self.get(units);
            self.emit().i32_wrap_i64();
            self.set_new_local(FlatType::I32)
        } else {
            self.emit().i32_gt_u();
            self.trap_if(TrapCode::ListTooLong);
            units
        };
        let bytes = match shift {
            None => units,
            Some(is_utf16) => {
                self.get(units);
                match is_utf16 {
                    Some(is_utf16) => self.get(is_utf16),
                    None => {
                        self.emit().i32_const(1);
                    }
                }
                self.emit().i32_shl();
                self.set_new_local(FlatType::I32)
            }
        };
        self.check_aligned(src, align, TrapCode::UnalignedPointer);
        let code = TrapCode::StringPointerOutOfBounds;
        self.check_range(peer, src, ByteLength::Local(bytes), code)?;
        Ok((units, is_utf16))
    }

    /// A length in the encoding `latin1+utf16`, less its tag; and the tag as an i32.
    fn split_tag(&mut self, tagged: Local) -> (Local, Local) {
        self.get(tagged);
        if tagged.ty == FlatType::I64 {
            self.emit().i64_const(i64::MAX).i64_and();
            let units = self.set_new_local(FlatType::I64);
            self.get(tagged);
            self.emit().i64_const(63).i64_shr_u().i32_wrap_i64();
            (units, self.set_new_local(FlatType::I32))
        } else {
            self.emit().i32_const(i32::MAX).i32_and();
            let units = self.set_new_local(FlatType::I32);
            self.get(tagged);
            self.emit().i32_const(31).i32_shr_u();
            (units, self.set_new_local(FlatType::I32))
        }
    }

    /// `store_string_into_range`, less the choice at run time.
    fn store_string(&mut self, source: Source, target: StringEncoding, text: Text) -> Result<()> {
        let mark = self.code.mark();
        match (source, target) {
            // In the scratch memory nothing is shortened.
            (Source::TaggedUtf16, StringEncoding::Latin1Utf16) if text.to == Peer::Scratch => {
                self.set_tag(text, 1);
                self.store_string_copy(Transcode::Utf16ToUtf16, 2, 2, text)?;
            }
            (Source::Utf8, StringEncoding::Utf8) => {
                self.store_string_copy(Transcode::Utf8ToUtf8, 1, 1, text)?;
            }
            (Source::Utf16 | Source::TaggedUtf16, StringEncoding::Utf16) => {
                self.store_string_copy(Transcode::Utf16ToUtf16, 2, 2, text)?;
            }
            (Source::Latin1, StringEncoding::Utf16) => {
                self.store_string_copy(Transcode::Latin1ToUtf16, 2, 2, text)?;
            }
            (Source::Latin1, StringEncoding::Latin1Utf16) => {
                self.set_tag(text, 0);
                self.store_latin1(text)?;
            }
            (_, StringEncoding::Utf8) => self.store_string_to_utf8(source, text)?,
            (Source::Utf8, StringEncoding::Utf16) => self.store_utf8_to_utf16(text)?,
            (Source::TaggedUtf16, StringEncoding::Latin1Utf16) => {
                self.store_probably_utf16_to_latin1_or_utf16(text)?;
            }
            (Source::Utf8 | Source::Utf16, StringEncoding::Latin1Utf16) => {
                self.store_string_to_latin1_or_utf16(source, text)?;
            }
        }
        self.code.release(mark);
        Ok(())
    }

    /// `store_string_copy`, with code units of so many bytes.
    fn store_string_copy(
        &mut self,
        transcode: Transcode,
        unit: i32,
        align: u32,
        text: Text,
    ) -> Result<()> {
        let bytes = self.units_times(text.units, unit);
        self.allocate_string(text, align, bytes)?;
        self.transcode(transcode, text, [text.src, text.dst, text.units])?;
        self.emit().drop();
        self.copy_local(text.units, text.length);
        Ok(())
    }

    /// Likewise, from Latin-1 to Latin-1, where there is nothing to check.
    fn store_latin1(&mut self, text: Text) -> Result<()> {
        self.allocate_string(text, 2, text.units)?;
        self.get(text.dst);
        self.get(text.src);
        self.copy_bytes(text.from, text.to, ByteLength::Local(text.units))?;
        self.copy_local(text.units, text.length);
        Ok(())
    }

    /// `store_string_to_utf8`.
    fn store_string_to_utf8(&mut self, source: Source, text: Text) -> Result<()> {
        let (prefix, rest, factor) = match source {
            Source::Latin1 => (Transcode::Latin1ToAscii, Transcode::Latin1ToUtf8, 2),
            _ => (Transcode::Utf16ToAscii, Transcode::Utf16ToUtf8, 3),
        };
        self.allocate_string(text, 1, text.units)?;
        self.transcode(prefix, text, [text.src, text.dst, text.units])?;
        self.emit().i32_wrap_i64().local_tee(text.length.index);
        self.get(text.units);
        self.emit().i32_ne().if_(BlockType::Empty);
        let worst = self.units_times(text.units, factor);
        self.reallocate_string(text, text.units, 1, worst)?;
        let places = [
            self.advanced(text.src, text.length, source.unit_log2()),
            self.advanced(text.dst, text.length, 0),
            self.difference(text.units, text.length),
        ];
        self.transcode(rest, text, places)?;
        self.add_to_length(text);
        self.shrink(text, 1, worst, text.length)?;
        self.emit().end();
        Ok(())
    }

    /// `store_utf8_to_utf16`.
    fn store_utf8_to_utf16(&mut self, text: Text) -> Result<()> {
        let worst = self.units_times(text.units, 2);
        self.allocate_string(text, 2, worst)?;
        let places = [text.src, text.dst, text.units];
        self.transcode(Transcode::Utf8ToUtf16, text, places)?;
        self.emit().i32_wrap_i64();
        self.set(text.length);
        let bytes = self.units_times(text.length, 2);
        self.shrink(text, 2, worst, bytes)
    }

    /// `store_string_to_latin1_or_utf16`.
    fn store_string_to_latin1_or_utf16(&mut self, source: Source, text: Text) -> Result<()> {
        self.set_tag(text, 0);
        self.allocate_string(text, 2, text.units)?;
        let places = [text.src, text.dst, text.units];
        // How much of the source is read so far; what is written is text.length.
        let (read, rest) = match source {
            Source::Utf16 | Source::TaggedUtf16 | Source::Latin1 => {
                self.transcode(Transcode::Utf16ToLatin1, text, places)?;
                self.emit().i32_wrap_i64();
                self.set(text.length);
                (text.length, Transcode::Utf16ToUtf16)
            }
            Source::Utf8 => {
                self.transcode(Transcode::Utf8ToLatin1, text, places)?;
                let both = self.set_new_local(FlatType::I64);
                self.get(both);
                self.emit().i32_wrap_i64();
                self.set(text.length);
                self.get(both);
                self.emit().i64_const(32).i64_shr_u().i32_wrap_i64();
                (self.set_new_local(FlatType::I32), Transcode::Utf8ToUtf16)
            }
        };
        self.get(read);
        self.get(text.units);
        self.emit().i32_ne().if_(BlockType::Empty);
        self.set_tag(text, 1);
        let worst = self.units_times(text.units, 2);
        self.reallocate_string(text, text.units, 2, worst)?;
        let in_place = Text {
            from: text.to,
            ..text
        };
        let places = [text.dst, text.dst, text.length];
        self.transcode(Transcode::Latin1ToUtf16, in_place, places)?;
        self.emit().drop();
        let places = [
            self.advanced(text.src, read, source.unit_log2()),
            self.advanced(text.dst, text.length, 1),
            self.difference(text.units, read),
        ];
        self.transcode(rest, text, places)?;
        if rest == Transcode::Utf8ToUtf16 {
            self.add_to_length(text);
            let bytes = self.units_times(text.length, 2);
            self.shrink(text, 2, worst, bytes)?;
            self.emit().else_();
            self.shrink(text, 2, text.units, text.length)?;
        } else {
            // As many code units as before.
            self.emit().drop();
            self.copy_local(text.units, text.length);
        }
        self.emit().end();
        Ok(())
    }

    /// `store_probably_utf16_to_latin1_or_utf16`.
    fn store_probably_utf16_to_latin1_or_utf16(&mut self, text: Text) -> Result<()> {
        let bytes = self.units_times(text.units, 2);
        self.allocate_string(text, 2, bytes)?;
        let places = [text.src, text.dst, text.units];
        self.transcode(Transcode::Utf16ToUtf16, text, places)?;
        self.copy_local(text.units, text.length);
        // Any that isn't in Latin-1?
        self.emit().i64_const(0xFF).i64_gt_u().if_(BlockType::Empty);
        self.set_tag(text, 1);
        self.emit().else_();
        self.set_tag(text, 0);
        let in_place = Text {
            from: text.to,
            ..text
        };
        let places = [text.dst, text.dst, text.units];
        self.transcode(Transcode::Utf16ToLatin1, in_place, places)?;
        self.emit().drop();
        self.reallocate_string(text, bytes, 1, text.units)?;
        self.emit().end();
        Ok(())
    }

    fn allocate_string(&mut self, text: Text, align: u32, bytes: Local) -> Result<()> {
        let pointer = self.allocate(text.to, align, ByteLength::Local(bytes))?;
        self.copy_local(pointer, text.dst);
        Ok(())
    }

    fn reallocate_string(&mut self, text: Text, old: Local, align: u32, new: Local) -> Result<()> {
        let old = (text.dst, ByteLength::Local(old));
        self.reallocate(text.to, old, align, ByteLength::Local(new))
    }

    /// Gives back what is left of an allocation.
    fn shrink(&mut self, text: Text, align: u32, old: Local, new: Local) -> Result<()> {
        self.get(new);
        self.get(old);
        self.emit().i32_lt_u().if_(BlockType::Empty);
        self.reallocate_string(text, old, align, new)?;
        self.emit().end();
        Ok(())
    }

    /// Calls a trampoline with source, destination and code units of the source; pushes its
    /// result, an i64.
    fn transcode(&mut self, transcode: Transcode, text: Text, places: [Local; 3]) -> Result<()> {
        // Both memories are there for the trampoline, which knows them by itself.
        self.memory(text.from)?;
        self.memory(text.to)?;
        for place in places {
            self.get(place);
            if place.ty == FlatType::I32 {
                self.emit().i64_extend_i32_u();
            }
        }
        let import = AdapterImport::Transcode {
            from: text.from,
            to: text.to,
            transcode,
        };
        self.call(import, &[FlatType::I64; 3], &[FlatType::I64]);
        Ok(())
    }

    /// A pointer to what comes after so many code units.
    fn advanced(&mut self, pointer: Local, units: Local, unit_log2: i32) -> Local {
        self.get(pointer);
        if pointer.ty == FlatType::I32 {
            self.emit().i64_extend_i32_u();
        }
        self.get(units);
        self.emit().i64_extend_i32_u();
        if unit_log2 > 0 {
            self.emit().i64_const(unit_log2.into()).i64_shl();
        }
        self.emit().i64_add();
        self.set_new_local(FlatType::I64)
    }

    fn difference(&mut self, a: Local, b: Local) -> Local {
        self.get(a);
        self.get(b);
        self.emit().i32_sub();
        self.set_new_local(FlatType::I32)
    }

    fn units_times(&mut self, units: Local, factor: i32) -> Local {
        if factor == 1 {
            return units;
        }
        self.get(units);
        self.emit().i32_const(factor).i32_mul();
        self.set_new_local(FlatType::I32)
    }

    /// Adds the i64 on the stack to the length written so far.
    fn add_to_length(&mut self, text: Text) {
        self.emit().i32_wrap_i64();
        self.get(text.length);
        self.emit().i32_add();
        self.set(text.length);
    }

    fn set_tag(&mut self, text: Text, tag: i32) {
        if let Some(local) = text.tag {
            self.emit().i32_const(tag);
            self.set(local);
        }
    }

    fn copy_local(&mut self, from: Local, to: Local) {
        self.get(from);
        self.set(to);
    }
}

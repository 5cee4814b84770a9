//! The builtin with which adapters pass strings from guest to guest.
//!
//! The two ranges may be of the same memory and overlap, and what a guest has in them is never
//! to be relied on. So bytes are read and written in blocks, by copies, and what is done with them
//! is done in between. Compiled code has checked that the ranges are there.

use super::builtins::store_of;
use super::metering;
use std::ffi::c_void;
use threadline_environ::component::{Transcode, TranscodeFailure};

/// Bytes looked at at once.
const BLOCK: usize = 64;

/// What is looked at at once where characters have several bytes.
const WINDOW: usize = 1024;

/// Bytes for which fuel is charged; what is shorter costs about what the call does.
const LONG: u64 = 1024;

type Result<T> = std::result::Result<T, TranscodeFailure>;

/// `transcode`: as [`convert`], and charges fuel for a long text. What is overdrawn is noticed when the
/// adapter goes on.
///
/// # Safety
/// `context` is what compiled code passed as its context; as for [`convert`].
pub(super) unsafe extern "C" fn transcode(
    context: *mut c_void,
    transcode: u32,
    src: *const u8,
    dst: *mut u8,
    units: u64,
) -> i64 {
    let Some(&transcode) = Transcode::ALL.get(transcode as usize) else {
        return TranscodeFailure::InvalidUtf8 as i64;
    };
    let bytes = units.saturating_mul(transcode.source_unit().into());
    // SAFETY: the caller answers for the context and the ranges.
    unsafe {
        if bytes >= LONG {
            metering::charge(store_of(context), bytes);
        }
        convert(transcode, src, dst, units)
    }
}

/// Copies `units` code units at `src` to `dst`; what [`Transcode`] says it gives, or a
/// [`TranscodeFailure`].
///
/// # Safety
/// As many bytes as [`Transcode::source_unit`] and [`Transcode::max_written`] say can be read
/// and written at the pointers, and nobody else writes them meanwhile.
unsafe fn convert(transcode: Transcode, src: *const u8, dst: *mut u8, units: u64) -> i64 {
    let units = units as usize;
    let source = Source {
        start: src,
        length: units * transcode.source_unit() as usize,
    };
    let target = Target {
        start: dst,
        length: units * transcode.max_written() as usize,
    };
    let result = match transcode {
        Transcode::Utf8ToUtf8 => utf8_to_utf8(source, target).map(|()| 0),
        Transcode::Utf16ToUtf16 => utf16_to_utf16(source, target).map(i64::from),
        Transcode::Latin1ToUtf16 => {
            latin1_to_utf16(source, target);
            Ok(0)
        }
        Transcode::Latin1ToAscii => Ok(latin1_to_ascii(source, target) as i64),
        Transcode::Utf16ToAscii => Ok(utf16_to_narrow(source, target, 0x7F) as i64),
        Transcode::Latin1ToUtf8 => Ok(latin1_to_utf8(source, target) as i64),
        Transcode::Utf16ToUtf8 => utf16_to_utf8(source, target).map(|n| n as i64),
        Transcode::Utf8ToUtf16 => utf8_to_utf16(source, target).map(|n| n as i64),
        Transcode::Utf8ToLatin1 => utf8_to_latin1(source, target),
        Transcode::Utf16ToLatin1 => Ok(utf16_to_narrow(source, target, 0xFF) as i64),
    };
    result.unwrap_or_else(|failure| failure as i64)
}

/// Bytes that are read.
#[derive(Copy, Clone)]
struct Source {
    start: *const u8,
    length: usize,
}

impl Source {
    /// The bytes at `at`, if there are so many.
    fn block<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        if at.checked_add(N)? > self.length {
            return None;
        }
        // SAFETY: the range is within what the caller of `convert` has said can be read, and
        // an array of bytes has no alignment to keep.
        Some(unsafe { self.start.add(at).cast::<[u8; N]>().read() })
    }

    /// The code unit of UTF-16 at `at`, in code units.
    fn unit(self, at: usize) -> Option<u16> {
        self.block(2 * at).map(u16::from_le_bytes)
    }

    /// As many bytes from `at` as there are, but no more than fit.
    fn window(self, at: usize, buffer: &mut [u8; WINDOW]) -> usize {
        let length = self.length.saturating_sub(at).min(WINDOW);
        // SAFETY: the range is within what can be read, the buffer is the host's own and as
        // large as the most that is copied.
        unsafe {
            self.start
                .add(at.min(self.length))
                .copy_to_nonoverlapping(buffer.as_mut_ptr(), length);
        }
        length
    }
}

/// Bytes that are written.
#[derive(Copy, Clone)]
struct Target {
    start: *mut u8,
    length: usize,
}

impl Target {
    /// Writes bytes at `at`. Those that don't fit, of which there are none, aren't written.
    #[inline]
    fn put(self, at: usize, bytes: &[u8]) {
        if at
            .checked_add(bytes.len())
            .is_none_or(|end| end > self.length)
        {
            return;
        }
        // SAFETY: the range is within what the caller of `convert` has said can be written,
        // and `bytes` are the host's own.
        unsafe {
            let to = self.start.add(at);
            to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
    }

    /// Writes a code unit of UTF-16 at `at`, in code units.
    fn put_unit(self, at: usize, unit: u16) {
        self.put(2 * at, &unit.to_le_bytes());
    }
}

/// Copies from the start as long as it is ASCII, but less than a block of the last of it if
/// something else follows; the number of bytes.
fn ascii_blocks(source: Source, target: Target) -> usize {
    let mut at = 0;
    #[cfg(target_arch = "x86_64")]
    if source.length >= BLOCK && std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function needs.
        at = unsafe { ascii_blocks_avx2(source, target) };
    }
    while ascii_block::<BLOCK>(source, target, &mut at) {}
    // What is left of a text that is all ASCII.
    ascii_block::<32>(source, target, &mut at);
    ascii_block::<16>(source, target, &mut at);
    ascii_block::<8>(source, target, &mut at);
    ascii_block::<4>(source, target, &mut at);
    ascii_block::<2>(source, target, &mut at);
    ascii_block::<1>(source, target, &mut at);
    at
}

/// Copies whole blocks from the start as long as they are ASCII; the number of bytes.
///
/// The compiler makes no vectors of [`ascii_block`], which is half as fast.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn ascii_blocks_avx2(source: Source, target: Target) -> usize {
    use std::arch::x86_64::{
        __m256i, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_storeu_si256,
    };
    const _: () = assert!(2 * size_of::<__m256i>() == BLOCK);
    let length = source.length.min(target.length);
    let mut at = 0;
    while length - at >= BLOCK {
        // SAFETY: a block from `at` is within what the caller of `convert` has said can be
        // read and written, and neither loads nor stores have an alignment to keep. Both vectors
        // are read, as one block, before anything is written.
        unsafe {
            let from = source.start.add(at).cast::<__m256i>();
            let block = [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))];
            if _mm256_movemask_epi8(_mm256_or_si256(block[0], block[1])) != 0 {
                break;
            }
            let to = target.start.add(at).cast::<__m256i>();
            _mm256_storeu_si256(to, block[0]);
            _mm256_storeu_si256(to.add(1), block[1]);
        }
        at += BLOCK;
    }
    at
}

/// Copies a block and goes behind it, if it is there and all ASCII; whether it is.
#[inline]
fn ascii_block<const N: usize>(source: Source, target: Target, at: &mut usize) -> bool {
    let Some(block) = source.block::<N>(*at).filter(AsciiBlock::is_ascii_all) else {
        return false;
    };
    target.put(*at, &block);
    *at += N;
    true
}

/// Looking at all bytes of a block, with no early end, is a few vector operations.
trait AsciiBlock {
    fn is_ascii_all(&self) -> bool;
}

impl<const N: usize> AsciiBlock for [u8; N] {
    #[inline]
    fn is_ascii_all(&self) -> bool {
        // By words, which a compiler makes vectors of more readily than of bytes.
        let (words, rest) = self.as_chunks::<8>();
        let words = words
            .iter()
            .fold(0, |all, &word| all | u64::from_ne_bytes(word));
        let rest = rest.iter().fold(0, |all, &byte| all | byte);
        words & 0x8080_8080_8080_8080 == 0 && rest < 0x80
    }
}

fn utf8_to_utf8(source: Source, target: Target) -> Result<()> {
    let at = ascii_blocks(source, target);
    if at == source.length {
        return Ok(());
    }
    rest_of_utf8(source, target, at)
}

/// Goes on at `at`. Apart, so that a text that is all ASCII needs no buffer.
#[inline(never)]
fn rest_of_utf8(source: Source, target: Target, mut at: usize) -> Result<()> {
    let mut buffer = [0; WINDOW];
    while at < source.length {
        let text = valid_window(source, at, &mut buffer)?;
        target.put(at, text.as_bytes());
        at += text.len();
    }
    Ok(())
}

/// Some characters from `at`, of which there are some.
fn valid_window(source: Source, at: usize, buffer: &mut [u8; WINDOW]) -> Result<&str> {
    let length = source.window(at, buffer);
    let buffer = &*buffer;
    let is_last = at + length == source.length;
    let valid = match std::str::from_utf8(&buffer[..length]) {
        Ok(text) => return Ok(text),
        Err(error) if error.error_len().is_some() => return Err(TranscodeFailure::InvalidUtf8),
        Err(_) if is_last => return Err(TranscodeFailure::IncompleteUtf8),
        // The window ends within a character, which the next begins with.
        Err(error) => error.valid_up_to(),
    };
    std::str::from_utf8(&buffer[..valid]).map_err(|_| TranscodeFailure::InvalidUtf8)
}

fn utf8_to_utf16(source: Source, target: Target) -> Result<usize> {
    let (mut read, mut written) = (0, 0);
    let mut buffer = [0; WINDOW];
    while read < source.length {
        while let Some(block) = source.block::<32>(read).filter(AsciiBlock::is_ascii_all) {
            target.put(2 * written, &widened(block));
            read += 32;
            written += 32;
        }
        if read == source.length {
            break;
        }
        let text = valid_window(source, read, &mut buffer)?;
        for char in text.chars() {
            for &mut unit in char.encode_utf16(&mut [0; 2]) {
                target.put_unit(written, unit);
                written += 1;
            }
        }
        read += text.len();
    }
    Ok(written)
}

/// The bytes of 32 characters of Latin-1 in UTF-16.
fn widened(block: [u8; 32]) -> [u8; 64] {
    std::array::from_fn(|i| if i % 2 == 0 { block[i / 2] } else { 0 })
}

fn utf8_to_latin1(source: Source, target: Target) -> Result<i64> {
    let mut read = ascii_blocks(source, target);
    let mut written = read;
    let mut buffer = [0; WINDOW];
    let result = |read: usize, written: usize| Ok(((read as i64) << 32) | written as i64);
    while read < source.length {
        let text = valid_window(source, read, &mut buffer)?;
        for char in text.chars() {
            let Ok(byte) = u8::try_from(char) else {
                return result(read, written);
            };
            target.put(written, &[byte]);
            read += char.len_utf8();
            written += 1;
        }
    }
    result(read, written)
}

/// From the end to the start, as the target may begin where the source does.
fn latin1_to_utf16(source: Source, target: Target) {
    let mut at = source.length;
    while let Some(start) = at.checked_sub(32) {
        let Some(block) = source.block(start) else {
            return;
        };
        target.put(2 * start, &widened(block));
        at = start;
    }
    while let Some(start) = at.checked_sub(1) {
        let Some([byte]) = source.block(start) else {
            return;
        };
        target.put_unit(start, byte.into());
        at = start;
    }
}

fn latin1_to_ascii(source: Source, target: Target) -> usize {
    let mut at = ascii_blocks(source, target);
    while ascii_block::<1>(source, target, &mut at) {}
    at
}

fn latin1_to_utf8(source: Source, target: Target) -> usize {
    let (mut read, mut written) = (0, 0);
    loop {
        while let Some(block) = source.block::<16>(read).filter(AsciiBlock::is_ascii_all) {
            target.put(written, &block);
            read += 16;
            written += 16;
        }
        // To the next block, or to the end.
        for _ in 0..16 {
            let Some([byte]) = source.block(read) else {
                return written;
            };
            let mut bytes = [0; 4];
            let bytes = char::from(byte).encode_utf8(&mut bytes).as_bytes();
            target.put(written, bytes);
            read += 1;
            written += bytes.len();
        }
    }
}

/// Converts code units from the start that are no greater than `max`; their number.
fn utf16_to_narrow(source: Source, target: Target, max: u16) -> usize {
    let mut at = 0;
    while let Some(block) = source.block::<BLOCK>(2 * at) {
        let (units, all) = units(&block);
        if all > max {
            break;
        }
        target.put(at, &units.map(|unit| unit as u8));
        at += units.len();
    }
    while let Some(unit) = source.unit(at).filter(|&unit| unit <= max) {
        target.put(at, &[unit as u8]);
        at += 1;
    }
    at
}

/// The code units in a block, and all of them or-ed.
fn units(block: &[u8; BLOCK]) -> ([u16; BLOCK / 2], u16) {
    let units: [u16; BLOCK / 2] =
        std::array::from_fn(|i| u16::from_le_bytes([block[2 * i], block[2 * i + 1]]));
    let all = units.iter().fold(0, |all, &unit| all | unit);
    (units, all)
}

fn is_surrogate(unit: u16) -> bool {
    unit & 0xF800 == 0xD800
}

/// The character at `at`, in code units, if there is one.
fn utf16_char(source: Source, at: usize) -> Option<Result<char>> {
    let first = source.unit(at)?;
    let second = source.unit(at + 1);
    let units = std::iter::once(first).chain(second);
    let char = char::decode_utf16(units).next()?;
    Some(char.map_err(|_| TranscodeFailure::InvalidUtf16))
}

/// Gives all code units or-ed.
fn utf16_to_utf16(source: Source, target: Target) -> Result<u16> {
    let (mut at, mut all) = (0, 0);
    loop {
        while let Some(block) = source.block::<BLOCK>(2 * at) {
            let (units, block_all) = units(&block);
            if units
                .iter()
                .fold(false, |any, &unit| any | is_surrogate(unit))
            {
                break;
            }
            target.put(2 * at, &block);
            at += units.len();
            all |= block_all;
        }
        // To the next block, or to the end.
        let end = at + BLOCK / 2;
        while at < end {
            let Some(char) = utf16_char(source, at) else {
                return Ok(all);
            };
            for &mut unit in char?.encode_utf16(&mut [0; 2]) {
                target.put_unit(at, unit);
                at += 1;
                all |= unit;
            }
        }
    }
}

fn utf16_to_utf8(source: Source, target: Target) -> Result<usize> {
    let (mut read, mut written) = (0, 0);
    loop {
        while let Some(block) = source.block::<BLOCK>(2 * read) {
            let (units, all) = units(&block);
            if all >= 0x80 {
                break;
            }
            target.put(written, &units.map(|unit| unit as u8));
            read += units.len();
            written += units.len();
        }
        // To the next block, or to the end.
        let end = read + BLOCK / 2;
        while read < end {
            let Some(char) = utf16_char(source, read) else {
                return Ok(written);
            };
            let char = char?;
            let mut bytes = [0; 4];
            let bytes = char.encode_utf8(&mut bytes).as_bytes();
            target.put(written, bytes);
            read += char.len_utf16();
            written += bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Transcodes bytes into a buffer with a byte of guard at its end: the result, and what has
    /// been written.
    fn run(how: Transcode, source: &[u8]) -> (i64, Vec<u8>) {
        let units = source.len() / how.source_unit() as usize;
        let capacity = units * how.max_written() as usize;
        let mut target = vec![0xEE; capacity + 1];
        // SAFETY: source and target are as long as they have to be.
        let result = unsafe { convert(how, source.as_ptr(), target.as_mut_ptr(), units as u64) };
        assert_eq!(target.pop(), Some(0xEE), "written beyond the end");
        (result, target)
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn latin1(text: &str) -> Vec<u8> {
        text.chars().map(|char| char as u8).collect()
    }

    /// Texts of many lengths, with a character of each kind at each place.
    fn texts() -> Vec<String> {
        let mut texts = vec![String::new()];
        for length in [
            1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 1023, 1024, 1025, 3000,
        ] {
            for char in ["a", "\u{7f}", "é", "ÿ", "Ā", "€", "\u{ffff}", "😀"] {
                for at in [0, 1, length / 2, length - 1] {
                    let mut text = "x".repeat(at);
                    text += char;
                    text += &"y".repeat(length - at);
                    texts.push(text);
                }
                texts.push(char.repeat(length));
            }
        }
        texts
    }

    #[test]
    fn text_is_the_same_in_every_encoding() {
        for text in texts() {
            let (result, written) = run(Transcode::Utf8ToUtf8, text.as_bytes());
            assert_eq!((result, &*written), (0, text.as_bytes()));

            let wide = utf16(&text);
            let (result, written) = run(Transcode::Utf16ToUtf16, &wide);
            let all = text.encode_utf16().fold(0, |all, unit| all | unit);
            assert_eq!((result, &written), (i64::from(all), &wide));

            let (units, written) = run(Transcode::Utf8ToUtf16, text.as_bytes());
            assert_eq!(written[..2 * units as usize], wide);

            let (bytes, written) = run(Transcode::Utf16ToUtf8, &wide);
            assert_eq!(written[..bytes as usize], *text.as_bytes());

            let narrow = text
                .chars()
                .take_while(|&char| char < '\u{100}')
                .collect::<String>();
            let (result, written) = run(Transcode::Utf8ToLatin1, text.as_bytes());
            assert_eq!(result >> 32, narrow.len() as i64);
            let bytes = (result & 0xFFFF_FFFF) as usize;
            assert_eq!(written[..bytes], latin1(&narrow));
            let (result, written) = run(Transcode::Utf16ToLatin1, &wide);
            assert_eq!(written[..result as usize], latin1(&narrow));

            let ascii = text.chars().take_while(char::is_ascii).count();
            let (result, written) = run(Transcode::Utf16ToAscii, &wide);
            assert_eq!(result, ascii as i64);
            assert_eq!(written[..ascii], text.as_bytes()[..ascii]);

            if narrow == text {
                let narrow = latin1(&text);
                assert_eq!(run(Transcode::Latin1ToUtf16, &narrow), (0, wide));
                let (result, written) = run(Transcode::Latin1ToAscii, &narrow);
                assert_eq!(result, ascii as i64);
                assert_eq!(written[..ascii], text.as_bytes()[..ascii]);
                let (result, written) = run(Transcode::Latin1ToUtf8, &narrow);
                assert_eq!(written[..result as usize], *text.as_bytes());
            }
        }
    }

    #[test]
    fn broken_text_is_refused_wherever_it_is() {
        let invalid: &[&[u8]] = &[
            b"\xff",
            b"\xc0\x80",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\x80",
        ];
        let incomplete: &[&[u8]] = &[b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98"];
        for before in [0, 1, 31, 63, 64, 1021, 1022, 1023, 1024, 2000] {
            let source = |bytes: &[u8]| [vec![b'x'; before], bytes.to_vec()].concat();
            for how in [
                Transcode::Utf8ToUtf8,
                Transcode::Utf8ToUtf16,
                Transcode::Utf8ToLatin1,
            ] {
                for bytes in invalid {
                    let (result, _) = run(how, &source(bytes));
                    assert_eq!(
                        result,
                        TranscodeFailure::InvalidUtf8 as i64,
                        "{how:?} {before}"
                    );
                }
                for bytes in incomplete {
                    let (result, _) = run(how, &source(bytes));
                    assert_eq!(result, TranscodeFailure::IncompleteUtf8 as i64);
                }
            }
            for how in [Transcode::Utf16ToUtf16, Transcode::Utf16ToUtf8] {
                for lone in [
                    &[0xD800][..],
                    &[0xDC00],
                    &[0xD800, 0xD800, 0xDC00],
                    &[0xDBFF, 0x61],
                ] {
                    let units = [vec![0x61; before], lone.to_vec()].concat();
                    let bytes: Vec<u8> = units.into_iter().flat_map(u16::to_le_bytes).collect();
                    let (result, _) = run(how, &bytes);
                    assert_eq!(result, TranscodeFailure::InvalidUtf16 as i64);
                }
            }
        }
    }

    #[test]
    fn latin1_grows_and_shrinks_in_place() {
        for length in [0, 1, 31, 32, 33, 64, 100, 1000] {
            let text: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let mut memory = text.clone();
            memory.resize(2 * length, 0xEE);
            let (start, units) = (memory.as_mut_ptr(), length as u64);
            // SAFETY: the memory has room for as many code units of either kind.
            unsafe { convert(Transcode::Latin1ToUtf16, start, start, units) };
            let wide: Vec<u8> = text.iter().flat_map(|&byte| [byte, 0]).collect();
            assert_eq!(memory, wide);
            // SAFETY: likewise.
            unsafe { convert(Transcode::Utf16ToLatin1, start, start, units) };
            assert_eq!(memory[..length], text);
        }
    }
}

//! Copying and filling memory that other threads access at the same time.
//!
//! Every access is atomic and relaxed, of a word where it can be and of a byte elsewhere. So
//! racing with guests is no data race in Rust's eyes, and what is read is what somebody wrote.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

const WORD: usize = size_of::<u64>();

/// Copies `length` bytes; the ranges may overlap.
///
/// # Safety
/// Both ranges are mapped, `from` readable and `to` writable, and nobody accesses them by
/// anything but atomic accesses or compiled code, or alone.
pub(super) unsafe fn copy(from: *const u8, to: *mut u8, length: usize) {
    let by_words = from.addr() % WORD == to.addr() % WORD;
    let is_word =
        |at: usize, left: usize| by_words && left >= WORD && (to.addr() + at).is_multiple_of(WORD);
    if to.addr() <= from.addr() {
        let mut at = 0;
        while at < length {
            // SAFETY: `at` and, for a word, the bytes behind it are below `length`.
            unsafe {
                at += if is_word(at, length - at) {
                    copy_word(from.add(at), to.add(at))
                } else {
                    copy_byte(from.add(at), to.add(at))
                };
            }
        }
        return;
    }
    let mut end = length;
    while end > 0 {
        // SAFETY: as above; the last word or byte below `end` is copied.
        unsafe {
            end -= if end >= WORD && is_word(end - WORD, WORD) {
                copy_word(from.add(end - WORD), to.add(end - WORD))
            } else {
                copy_byte(from.add(end - 1), to.add(end - 1))
            };
        }
    }
}

/// # Safety
/// As for [`copy`], and both are aligned.
unsafe fn copy_word(from: *const u8, to: *mut u8) -> usize {
    // SAFETY: the caller answers for both.
    unsafe {
        let value = AtomicU64::from_ptr(from.cast_mut().cast()).load(Relaxed);
        AtomicU64::from_ptr(to.cast()).store(value, Relaxed);
    }
    WORD
}

/// # Safety
/// As for [`copy`].
unsafe fn copy_byte(from: *const u8, to: *mut u8) -> usize {
    // SAFETY: the caller answers for both.
    unsafe {
        let value = AtomicU8::from_ptr(from.cast_mut()).load(Relaxed);
        AtomicU8::from_ptr(to).store(value, Relaxed);
    }
    1
}

/// Sets `length` bytes.
///
/// # Safety
/// As for [`copy`].
pub(super) unsafe fn fill(to: *mut u8, byte: u8, length: usize) {
    let word = u64::from_ne_bytes([byte; WORD]);
    let mut at = 0;
    while at < length {
        // SAFETY: `at` and, for a word, the bytes behind it are below `length`.
        unsafe {
            let target = to.add(at);
            if length - at >= WORD && target.addr().is_multiple_of(WORD) {
                AtomicU64::from_ptr(target.cast()).store(word, Relaxed);
                at += WORD;
            } else {
                AtomicU8::from_ptr(target).store(byte, Relaxed);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_as_if_through_a_buffer_wherever_the_ranges_are() {
        let source: Vec<u8> = (0..64).collect();
        for from in 0..17 {
            for to in 0..17 {
                for length in [0, 1, 7, 8, 9, 16, 31, 40] {
                    let mut expected = source.clone();
                    expected.copy_within(from..from + length, to);
                    let mut bytes = source.clone();
                    let base = bytes.as_mut_ptr();
                    // SAFETY: both ranges end below 64, and nobody else has the buffer.
                    unsafe { copy(base.add(from), base.add(to), length) };
                    assert_eq!(bytes, expected, "{length} bytes from {from} to {to}");
                }
            }
        }
    }

    #[test]
    fn fills_what_it_is_told_to_and_nothing_else() {
        for at in 0..17 {
            for length in [0, 1, 7, 8, 9, 16, 31, 40] {
                let mut bytes = vec![1u8; 64];
                // SAFETY: the range ends below 64, and nobody else has the buffer.
                unsafe { fill(bytes.as_mut_ptr().add(at), 7, length) };
                let mut expected = vec![1u8; 64];
                expected[at..at + length].fill(7);
                assert_eq!(bytes, expected);
            }
        }
    }
}

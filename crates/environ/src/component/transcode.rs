//! Copying strings from memory to memory, from encoding to encoding.

use serde::{Deserialize, Serialize};
/// What a [`Trampoline::Transcode`](super::Trampoline::Transcode) does with code units of the
/// source: its result is a number, or a [`Failure`](TranscodeFailure).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Transcode {
    /// Copies utf-8 and checks it. Gives 0.
    Utf8ToUtf8,
    /// Copies UTF-16 and checks it. Gives all code units, or-ed.
    Utf16ToUtf16,
    /// Makes a code unit of each byte. The ranges may begin at the same place. Gives 0.
    Latin1ToUtf16,
    /// Copies as many characters from the start as are ASCII. Gives their number.
    Latin1ToAscii,
    /// Likewise, of UTF-16.
    Utf16ToAscii,
    /// Gives the number of bytes.
    Latin1ToUtf8,
    /// Likewise, and checks the source.
    Utf16ToUtf8,
    /// Checks the source. Gives the number of code units.
    Utf8ToUtf16,
    /// Converts as many characters from the start as are in Latin-1, and checks the source so
    /// far. Gives the bytes read in the upper 32 bits, those written in the lower.
    Utf8ToLatin1,
    /// Converts as many characters from the start as are in Latin-1. The ranges may begin at
    /// the same place. Gives their number.
    Utf16ToLatin1,
}

impl Transcode {
    /// All, in order.
    pub const ALL: [Transcode; 10] = [
        Transcode::Utf8ToUtf8,
        Transcode::Utf16ToUtf16,
        Transcode::Latin1ToUtf16,
        Transcode::Latin1ToAscii,
        Transcode::Utf16ToAscii,
        Transcode::Latin1ToUtf8,
        Transcode::Utf16ToUtf8,
        Transcode::Utf8ToUtf16,
        Transcode::Utf8ToLatin1,
        Transcode::Utf16ToLatin1,
    ];

    /// Bytes of a code unit of the source.
    pub fn source_unit(self) -> u32 {
        match self {
            Transcode::Utf16ToUtf16
            | Transcode::Utf16ToAscii
            | Transcode::Utf16ToUtf8
            | Transcode::Utf16ToLatin1 => 2,
            Transcode::Utf8ToUtf8
            | Transcode::Latin1ToUtf16
            | Transcode::Latin1ToAscii
            | Transcode::Latin1ToUtf8
            | Transcode::Utf8ToUtf16
            | Transcode::Utf8ToLatin1 => 1,
        }
    }

    /// Bytes written at most for a code unit of the source.
    pub fn max_written(self) -> u32 {
        match self {
            Transcode::Utf8ToUtf8
            | Transcode::Latin1ToAscii
            | Transcode::Utf16ToAscii
            | Transcode::Utf8ToLatin1
            | Transcode::Utf16ToLatin1 => 1,
            Transcode::Utf16ToUtf16
            | Transcode::Latin1ToUtf16
            | Transcode::Latin1ToUtf8
            | Transcode::Utf8ToUtf16 => 2,
            Transcode::Utf16ToUtf8 => 3,
        }
    }

    /// The name of both its ends, for people.
    pub fn name(self) -> &'static str {
        match self {
            Transcode::Utf8ToUtf8 => "utf8-to-utf8",
            Transcode::Utf16ToUtf16 => "utf16-to-utf16",
            Transcode::Latin1ToUtf16 => "latin1-to-utf16",
            Transcode::Latin1ToAscii => "latin1-to-ascii",
            Transcode::Utf16ToAscii => "utf16-to-ascii",
            Transcode::Latin1ToUtf8 => "latin1-to-utf8",
            Transcode::Utf16ToUtf8 => "utf16-to-utf8",
            Transcode::Utf8ToUtf16 => "utf8-to-utf16",
            Transcode::Utf8ToLatin1 => "utf8-to-latin1",
            Transcode::Utf16ToLatin1 => "utf16-to-latin1",
        }
    }

    /// Why it can fail; from a source in Latin-1, it can't.
    pub fn failures(self) -> &'static [TranscodeFailure] {
        match self {
            Transcode::Utf8ToUtf8 | Transcode::Utf8ToUtf16 | Transcode::Utf8ToLatin1 => &[
                TranscodeFailure::InvalidUtf8,
                TranscodeFailure::IncompleteUtf8,
            ],
            Transcode::Utf16ToUtf16 | Transcode::Utf16ToUtf8 => &[TranscodeFailure::InvalidUtf16],
            Transcode::Latin1ToUtf16
            | Transcode::Latin1ToAscii
            | Transcode::Utf16ToAscii
            | Transcode::Latin1ToUtf8
            | Transcode::Utf16ToLatin1 => &[],
        }
    }
}

/// A negative result: what is wrong with the source.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[repr(i64)]
pub enum TranscodeFailure {
    /// Bytes that utf-8 has no use for.
    InvalidUtf8 = -1,
    /// The end is within a character.
    IncompleteUtf8 = -2,
    /// A lone surrogate.
    InvalidUtf16 = -3,
}

impl TranscodeFailure {
    /// The trap it becomes.
    pub fn trap_code(self) -> crate::TrapCode {
        match self {
            TranscodeFailure::InvalidUtf8 => crate::TrapCode::InvalidUtf8,
            TranscodeFailure::IncompleteUtf8 => crate::TrapCode::IncompleteUtf8,
            TranscodeFailure::InvalidUtf16 => crate::TrapCode::InvalidString,
        }
    }
}

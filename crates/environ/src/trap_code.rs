//! Every way a guest can trap, with the wording that `.wast` scripts expect.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! trap_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// Why a guest trapped. The numbers are part of the code image format.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum TrapCode {
            $($(#[$doc])* $name = $code,)*
        }

        impl TrapCode {
            /// All codes, in order.
            pub const ALL: &'static [TrapCode] = &[$(TrapCode::$name),*];

            /// The code with this number, if there is one.
            pub fn from_u8(code: u8) -> Option<TrapCode> {
                match code {
                    $($code => Some(TrapCode::$name),)*
                    _ => None,
                }
            }

            /// The text that a `.wast` script's `assert_trap` names, without a prefix.
            pub fn message(self) -> &'static str {
                match self {
                    $(TrapCode::$name => $text,)*
                }
            }
        }
    };
}

trap_codes! {
    /// The guest's stack is used up.
    StackOverflow = 1, "call stack exhausted";
    /// An access outside a linear memory.
    MemoryOutOfBounds = 2, "out of bounds memory access";
    /// An atomic access at an address that is not aligned.
    UnalignedAtomic = 3, "unaligned atomic";
    /// An access outside a table.
    TableOutOfBounds = 4, "out of bounds table access";
    /// `call_indirect` with an index outside the table.
    UndefinedElement = 5, "undefined element";
    /// `call_indirect` through a null reference.
    UninitializedElement = 6, "uninitialized element";
    /// `call_indirect` with another type than the callee's.
    IndirectCallTypeMismatch = 7, "indirect call type mismatch";
    /// The smallest integer divided by −1.
    IntegerOverflow = 8, "integer overflow";
    /// An integer divided by zero.
    IntegerDivisionByZero = 9, "integer divide by zero";
    /// A NaN converted to an integer.
    InvalidConversionToInteger = 10, "invalid conversion to integer";
    /// The `unreachable` instruction.
    Unreachable = 11, "wasm `unreachable` instruction executed";
    /// A null reference where one is not allowed.
    NullReference = 12, "null reference";
    /// A component was left where its `may_leave` flag forbids it.
    CannotLeaveComponent = 13, "cannot leave component instance";
    /// A component instance that is locked down after a trap was entered.
    CannotEnterComponent = 14, "cannot enter component instance";
    /// A string's bytes are not what its encoding asks for.
    InvalidString = 15, "invalid string encoding";
    /// A pointer into a string or list reaches out of its memory.
    CanonicalOutOfBounds = 16, "out of bounds pointer in the canonical ABI";
    /// `realloc` returned a pointer outside its memory.
    ReallocOutOfBounds = 17, "realloc return: beyond end of memory";
    /// A pointer in the canonical ABI is not aligned for what it points to.
    UnalignedPointer = 18, "unaligned pointer";
    /// A value that is no `char`.
    InvalidChar = 19, "invalid `char` bit pattern";
    /// A discriminant that names no case.
    InvalidDiscriminant = 20, "invalid variant discriminant";
    /// A list or string longer than the canonical ABI allows.
    ListTooLong = 21, "list or string exceeds the maximum byte length";
    /// `realloc` returned a pointer that is not aligned as it was asked to.
    ReallocUnaligned = 24, "realloc return: result not aligned";
    /// A string that a guest passes reaches out of its memory.
    StringPointerOutOfBounds = 25, "string pointer/length out of bounds of memory";
    /// A list that a guest passes reaches out of its memory.
    ListPointerOutOfBounds = 26, "list pointer/length out of bounds of memory";
    /// A string has bytes that utf-8 has no use for.
    InvalidUtf8 = 27, "string content is invalid utf-8";
    /// A string ends within a character.
    IncompleteUtf8 = 28, "string content ends in an incomplete utf-8 byte sequence";
    /// `memory.atomic.wait` on a memory that is not shared.
    AtomicWaitUnshared = 29, "expected shared memory";
    /// A component instance passes itself more than fits in the memory for that.
    ValuesTooLarge = 30, "the values of a call are too large together";
    /// `memory.atomic.wait` without a time-out, where nobody can notify: only the waiting store has
    /// the memory, and its one thread waits.
    AtomicWaitForever = 31, "a wait that nobody can end: no other thread has the memory";
    /// `memory.atomic.wait` has blocked its thread for as long as the host allows.
    AtomicWaitTooLong = 32, "a wait took longer than the host allows";
    /// `call_ref` of a null reference.
    NullFunctionReference = 40, "null function reference";
    /// The store's fuel is used up.
    OutOfFuel = 41, "all fuel consumed by WebAssembly";
    /// The store's epoch deadline is reached.
    Interrupt = 42, "interrupt";
    /// A handle's index stands for nothing in the instance's table.
    UnknownHandle = 50, "unknown handle index";
    /// A handle is of another type than asked for, or no handle to a resource.
    WrongHandleType = 51, "handle used with the wrong type";
    /// A handle was dropped or passed on while it was lent.
    HandleLent = 52, "cannot remove owned resource while borrowed";
    /// A borrowed handle was passed on as an owned one.
    HandleNotOwned = 53, "cannot lift own resource from a borrow";
    /// A call returned without having dropped the handles that it borrowed.
    BorrowsRemain = 54, "borrow handles still remain at the end of the call";
    /// A handle table is full.
    TooManyHandles = 55, "too many handles in a component instance";
    /// The messages of a store's error contexts take more than its limits allow.
    TooManyErrorContexts = 56, "too many error contexts";
    /// An exception came to the border of a component and found no handler on this side.
    UncaughtException = 60, "uncaught exception at the border of a component";
    /// More exceptions are alive than a store keeps.
    TooManyExceptions = 61, "too many exceptions are alive";
    /// `throw_ref` of null.
    NullExceptionReference = 62, "null exception reference";
}

impl fmt::Display for TrapCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wasm trap: {}", self.message())
    }
}

impl std::error::Error for TrapCode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_a_round_trip() {
        for &code in TrapCode::ALL {
            assert_eq!(TrapCode::from_u8(code as u8), Some(code));
        }
        assert_eq!(TrapCode::from_u8(0), None);
    }
}

//! The canonical ABI's pure functions: layouts in memory, and flattening to core types.
//!
//! One definition for everyone who lifts and lowers: adapters between guests and the host's side
//! of calls. "Alignment", "Element Size" and "Flattening" in `CanonicalABI.md`. What moves the
//! values is elsewhere. Memories are 32-bit so far.

mod flatten_func;
mod flatten_type;
mod size_align;

pub use flatten_func::{FlatFunc, LiftOrLower, flatten_func};
pub use flatten_type::{FlatTypes, flatten, flatten_all};
pub use size_align::{SizeAlign, TupleLayout, discriminant_size, size_align, tuple_layout};

/// Flat parameters of a synchronous function at most; more go through memory.
pub const MAX_FLAT_PARAMS: usize = 16;
/// Flat results of a synchronous function at most; more go through memory.
pub const MAX_FLAT_RESULTS: usize = 1;
/// Bytes of a string at most.
pub const MAX_STRING_BYTE_LENGTH: u32 = (1 << 28) - 1;
/// Bytes of a list at most.
pub const MAX_LIST_BYTE_LENGTH: u32 = (1 << 28) - 1;

//! The canonical ABI's pure functions: layouts in memory, and flattening to core types.
//!
//! One definition for everyone who lifts and lowers: adapters between guests and the host's side
//! of calls. "Alignment", "Element Size" and "Flattening" in `CanonicalABI.md`. What moves the
//! values is elsewhere. What depends on whether a memory is 32-bit or 64-bit takes an
//! [`AddressType`], the specification's `ptr_type`.

mod flatten_func;
mod flatten_type;
mod size_align;

pub use flatten_func::{FlatFunc, LiftOrLower, flatten_func, flatten_task_return};
pub use flatten_type::{FlatType, flatten, flatten_fields};
pub use size_align::{
    Abi, ByAddress, FieldLayout, SizeAlign, TupleLayout, VariantLayout, discriminant_size,
    is_aligned, size_align, tuple_layout,
};
pub(crate) use size_align::{field_layout, fixed_length_list_abi, variant_layout};

use crate::types::AddressType;

/// Flat parameters of a function at most, unless it is lowered with `async`; more go through
/// memory. Likewise of `task.return`.
pub const MAX_FLAT_PARAMS: usize = 16;
/// Flat parameters of a function that is lowered with `async` at most; more go through memory.
pub const MAX_FLAT_ASYNC_PARAMS: usize = 4;
/// Flat results of a synchronous function at most; more go through memory.
pub const MAX_FLAT_RESULTS: usize = 1;
/// What a function that was lowered with `async` returns if it has returned: the subtask's state
/// `RETURNED`, without a subtask.
pub const SUBTASK_RETURNED: i32 = 2;
/// Bytes of a string at most.
pub const MAX_STRING_BYTE_LENGTH: u32 = (1 << 28) - 1;
/// Bytes of a list at most.
pub const MAX_LIST_BYTE_LENGTH: u32 = (1 << 28) - 1;

/// `utf16_tag`: the bit of a string's length that says it is UTF-16, in the encoding `latin1+utf16`.
pub const fn utf16_tag(address: AddressType) -> u64 {
    match address {
        AddressType::I32 => 1 << 31,
        AddressType::I64 => 1 << 63,
    }
}

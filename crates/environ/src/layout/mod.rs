//! Memory that compiled code and the runtime share, defined once.
//!
//! Hosts are 64-bit little-endian, so these are plain `#[repr(C)]` structs: the runtime uses
//! the fields, the compiler takes their offsets with `offset_of!`.
//!
//! ```text
//! VMContext ─────────┐ header.store_context      VMStoreContext (one per store, never moves)
//! (a core instance)  ├─────────────────────────▶ stack limit, exit record, …
//! VMComponentContext ┤                             │ entry
//! (a component)      │ header.builtins             ▼
//! VMHostFuncContext ─┘──────────▶ VMBuiltins     VMEntryRecord (in the frame of each entry
//! (a host function)   (static)                    from the host, linked innermost first)
//! ```
//!
//! All three contexts begin with a [`VMHeader`], so code that knows one of them by its header
//! alone (intrinsics, trampolines) works with each.
//!
//! The contexts of a component lie in one block of memory ([`VMComponentLayout`]), with the context
//! slots of the thread that runs in the component among them. So the distance from a `VMContext`
//! to the slots is known when its module is compiled, and an access to a slot is one instruction,
//! like one to a global of the module's own.

mod component_instance;
mod core_instance;
mod definition;
mod handle_table;
mod store_context;

pub use component_instance::{FLAG_MAY_LEAVE, VMComponentCounts, VMComponentLayout, VMLowering};
pub use core_instance::VMContextLayout;
pub use definition::{
    CONTEXT_POISON, ContextSlots, VMFuncRef, VMFunctionImport, VMGlobalDefinition, VMGlobalImport,
    VMHeader, VMHostFuncContext, VMMemoryDefinition, VMMemoryImport, VMTableDefinition,
    VMTableImport, VMTagDefinition, VMTagImport, ValRaw,
};
pub use handle_table::{
    FIRST_OTHER_KIND, KIND_FREE, MAX_TABLE_LENGTH, STATE_LEND, STATE_OWN, VMBorrowScope,
    VMBorrowScopes, VMHandle, VMHandleTable, VMResourceType,
};
pub use store_context::{VMEntryRecord, VMStoreContext};

/// Bytes a pointer takes on every host we compile for.
pub const POINTER_SIZE: u32 = 8;

const _: () = assert!(
    size_of::<usize>() == POINTER_SIZE as usize,
    "hosts are 64-bit"
);
const _: () = assert!(cfg!(target_endian = "little"), "hosts are little-endian");

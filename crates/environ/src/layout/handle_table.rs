//! Handle tables, borrow scopes and resource types: what `canon resource.*` and adapters touch.
//!
//! Each component instance has one table ("Table State" in `CanonicalABI.md`), whose entries are
//! [`VMHandle`]s. Their `kind` says what they are: nothing, a handle to a resource of some type, or
//! (numbers from [`FIRST_OTHER_KIND`]) something else that shares the index space.
//!
//! ```text
//! VMHandleTable  base ──▶ VMHandle  0   1   2   3   4   5   6   7
//!                length 8           ·   R   3   R   5   6   7   0     R: in use
//!                free   2                   └───────┴───┴───┘         numbers: the next free one
//! ```
//!
//! All free entries are in one list, also those that were never used, and these in ascending
//! order; so `add` takes the last one that was freed or, if there is none, the next new one, as the
//! specification has it. When the list is empty, the host makes the table larger. Entry 0 is never
//! used nor free, so 0 ends the list, and an access to index 0 finds nothing.
//!
//! Borrow scopes are numbers with a counter each: how many borrowed handles a call has left in its
//! callee's table. Free ones are in a list as well. They are in no order, for a handle may be dropped
//! by another call than the one it was made for.

/// An entry of a handle table.
#[derive(Debug, Copy, Clone, Default, PartialEq, Eq)]
#[repr(C)]
pub struct VMHandle {
    /// What it is: [`KIND_FREE`], the id of a resource type, or a number from
    /// [`FIRST_OTHER_KIND`].
    pub kind: u32,
    /// Of a handle: [`STATE_OWN`] if it owns, and [`STATE_LEND`] for each time that it is lent.
    pub state: u32,
    /// Of a handle, the resource's representation; of a free entry, the next free one, or 0.
    pub rep: u32,
    /// Of a borrowed handle, the scope that counts it.
    pub scope: u32,
}

/// The kind of entries that are free, and of entry 0.
pub const KIND_FREE: u32 = 0;
/// Kinds from here on are not of resource types.
pub const FIRST_OTHER_KIND: u32 = 0xFFFF_0000;
/// In a handle's state: it owns the resource.
pub const STATE_OWN: u32 = 1;
/// In a handle's state: it is lent once. Lends are counted in the bits from here on.
pub const STATE_LEND: u32 = 2;

/// Entries that a table has at most, entry 0 among them (`Table.MAX_LENGTH` plus one).
pub const MAX_TABLE_LENGTH: u32 = 1 << 28;

/// The handle table of a component instance.
#[derive(Debug, Copy, Clone)]
#[repr(C)]
pub struct VMHandleTable {
    /// The entries; null if there are none. Changes when the host makes the table larger.
    pub base: *mut VMHandle,
    /// How many there are.
    pub length: u32,
    /// The first free one, or 0.
    pub free: u32,
}

/// A borrow scope: a call that may leave borrowed handles in its callee's table.
#[derive(Debug, Copy, Clone, Default, PartialEq, Eq)]
#[repr(C)]
pub struct VMBorrowScope {
    /// `num_borrows`: handles made for the call that have not been dropped.
    pub borrows: u32,
    /// If it is free, the next free one, or 0.
    pub next: u32,
}

/// The borrow scopes of a component and all that is nested in it.
#[derive(Debug, Copy, Clone)]
#[repr(C)]
pub struct VMBorrowScopes {
    /// The scopes; scope 0 is never used.
    pub base: *mut VMBorrowScope,
    /// How many there are.
    pub length: u32,
    /// The first free one, or 0.
    pub free: u32,
}

/// A resource type as one component has it.
#[derive(Debug, Copy, Clone)]
#[repr(C)]
pub struct VMResourceType {
    /// The code that a drop calls, `(vmctx, rep i32)`; it is there if a component of the same
    /// block defines the type with a destructor.
    pub dtor: *const core::ffi::c_void,
    /// The first argument of that code.
    pub dtor_vmctx: *mut core::ffi::c_void,
    /// Tells the type from all others of the store; never 0 once the type is made. Set once,
    /// before any code that uses the type can run.
    pub id: u32,
}

const _: () = assert!(size_of::<VMHandle>() == 16);
const _: () = assert!(size_of::<VMHandleTable>() == 16);
const _: () = assert!(size_of::<VMBorrowScope>() == 8);
const _: () = assert!(size_of::<VMBorrowScopes>() == 16);
const _: () = assert!(size_of::<VMResourceType>() == 24);

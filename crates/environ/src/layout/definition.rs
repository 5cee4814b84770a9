//! The fixed-size pieces that instances are made of.

use core::ffi::c_void;
use core::mem::offset_of;

/// What every context that compiled code receives as its first argument begins with.
#[derive(Debug)]
#[repr(C)]
pub struct VMHeader {
    /// The store. Set once, so loads of it are read-only and movable.
    pub store_context: *mut super::VMStoreContext,
    /// The host functions compiled code may call, by [`BuiltinIndex`](crate::BuiltinIndex).
    pub builtins: *const usize,
    /// The runtime's own record of the instance (or host function) this context belongs to.
    pub owner: *mut c_void,
    /// The context slots of the component this belongs to; null if it belongs to none.
    ///
    /// Set once. Compiled code comes this way where it can't know the slots' distance.
    pub context: *mut ContextSlots,
}

const _: () = assert!(offset_of!(VMHeader, store_context) == 0);
const _: () = assert!(size_of::<VMHeader>() == 32);

/// The context slots of the guest thread that is running in a component (`context.get` and
/// `context.set`); an i32 access uses the low half of a slot.
///
/// Written and read by compiled code; swapped by the one place that changes threads.
pub type ContextSlots = [u64; crate::CONTEXT_SLOTS as usize];

/// What a dead copy of a context slot holds in debug builds.
pub const CONTEXT_POISON: u64 = 0xFFFF_FFFF_FFFF_FFFF;

/// A function as a reference refers to it. `funcref` values are pointers to these, or null.
#[derive(Debug, Copy, Clone)]
#[repr(C)]
pub struct VMFuncRef {
    /// The code, called as wasm calls wasm: `(vmctx, params…) -> results…`.
    pub wasm_call: *const c_void,
    /// The first argument of that code.
    pub vmctx: *mut c_void,
    /// The function's type, interned over the engine.
    pub type_id: u32,
}

/// An imported function in a `VMContext`.
#[derive(Debug, Copy, Clone)]
#[repr(C)]
pub struct VMFunctionImport {
    /// The code, called as wasm calls wasm.
    pub wasm_call: *const c_void,
    /// The first argument of that code.
    pub vmctx: *mut c_void,
}

/// A linear memory.
#[derive(Debug)]
#[repr(C)]
pub struct VMMemoryDefinition {
    /// Where it starts. Fixed for memories with a reservation.
    pub base: *mut u8,
    /// Its size in bytes, always a whole number of pages.
    pub length: usize,
}

/// An imported memory in a `VMContext`.
#[derive(Debug, Copy, Clone)]
#[repr(C)]
pub struct VMMemoryImport {
    /// The exporter's definition.
    pub from: *mut VMMemoryDefinition,
}

/// A table. Its elements are pointer-sized: `*mut VMFuncRef` or an `externref` handle.
#[derive(Debug)]
#[repr(C)]
pub struct VMTableDefinition {
    /// Where its elements start; changes when it grows.
    pub base: *mut usize,
    /// How many elements it has.
    pub length: usize,
}

/// An imported table in a `VMContext`.
#[derive(Debug, Copy, Clone)]
#[repr(C)]
pub struct VMTableImport {
    /// The exporter's definition.
    pub from: *mut VMTableDefinition,
}

/// The value of a global, in its first bytes.
#[derive(Debug, Copy, Clone)]
#[repr(C, align(16))]
pub struct VMGlobalDefinition {
    /// Storage for any value type.
    pub bytes: [u8; 16],
}

/// An imported global in a `VMContext`.
#[derive(Debug, Copy, Clone)]
#[repr(C)]
pub struct VMGlobalImport {
    /// The exporter's definition.
    pub from: *mut VMGlobalDefinition,
}

/// A tag. Its address is its identity: two tags are the same if they are the same definition.
#[derive(Debug, Copy, Clone)]
#[repr(C, align(8))]
pub struct VMTagDefinition {
    /// The function type whose parameters are the values of its exceptions, interned over the
    /// engine.
    pub type_id: u32,
}

/// An imported tag in a `VMContext`.
#[derive(Debug, Copy, Clone)]
#[repr(C)]
pub struct VMTagImport {
    /// The exporter's definition.
    pub from: *mut VMTagDefinition,
}

/// The context of a host function that core wasm can call.
#[derive(Debug)]
#[repr(C)]
pub struct VMHostFuncContext {
    /// Makes it a context like any other.
    pub header: VMHeader,
    /// The host's code, `extern "C" fn(*mut VMHostFuncContext, *mut ValRaw) -> bool`: reads
    /// parameters from the array, writes results over them; `false` means a trap is pending.
    pub call: *const c_void,
    /// The `VMContext` of the instance that imports the function, or null.
    pub importer: *mut c_void,
}

/// A core value in the arrays through which host and compiled code pass parameters and results.
#[derive(Copy, Clone)]
#[repr(C, align(16))]
pub union ValRaw {
    /// An i32, in the low four bytes.
    pub i32: i32,
    /// An i64, in the low eight bytes.
    pub i64: i64,
    /// The bits of an f32.
    pub f32: u32,
    /// The bits of an f64.
    pub f64: u64,
    /// A v128, little-endian.
    pub v128: [u8; 16],
    /// A `*mut VMFuncRef`, null for null.
    pub funcref: *mut c_void,
    /// An `externref` handle; 0 is null.
    pub externref: u64,
    /// An `exnref` handle; 0 is null.
    pub exnref: u64,
}

impl core::fmt::Debug for ValRaw {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ValRaw")
    }
}

const _: () = assert!(size_of::<ValRaw>() == 16);
const _: () = assert!(size_of::<VMGlobalDefinition>() == 16);
const _: () = assert!(size_of::<VMFuncRef>() == 24);
const _: () = assert!(size_of::<VMFunctionImport>() == 16);

//! Reading and writing [`ValRaw`], the slots through which host and compiled code pass values.
//!
//! Every slot that the host makes is written in full. Slots that compiled code makes are memory
//! of its own frames, which Rust sees as initialised with values unknown; it has stored those
//! bytes that a value of the slot's type takes, and only those are read. So reading the field
//! that the type asks for is reading initialised bytes.

use super::pointer::VmPtr;
use std::ffi::c_void;
use threadline_environ::layout::{VMFuncRef, ValRaw};
use threadline_environ::types::AddressType;

/// A slot of zeros: also the null reference.
pub(crate) const ZERO: ValRaw = ValRaw { v128: [0; 16] };

const fn from_low(bits: u64) -> ValRaw {
    ValRaw {
        v128: (bits as u128).to_le_bytes(),
    }
}

pub(crate) const fn from_i32(value: i32) -> ValRaw {
    from_low(value as u32 as u64)
}

pub(crate) fn from_i64(value: i64) -> ValRaw {
    from_low(value as u64)
}

/// A pointer or length for a memory with such addresses. Those of 32 bits must fit.
pub(crate) fn from_address(ty: AddressType, value: u64) -> ValRaw {
    debug_assert!(ty == AddressType::I64 || u32::try_from(value).is_ok());
    from_low(value)
}

pub(crate) fn from_f32(bits: u32) -> ValRaw {
    from_low(u64::from(bits))
}

pub(crate) fn from_f64(bits: u64) -> ValRaw {
    from_low(bits)
}

pub(crate) fn from_v128(bytes: [u8; 16]) -> ValRaw {
    ValRaw { v128: bytes }
}

pub(crate) fn from_externref(handle: u64) -> ValRaw {
    from_low(handle)
}

pub(crate) fn from_exnref(handle: u64) -> ValRaw {
    from_low(handle)
}

pub(crate) fn from_funcref(func: Option<VmPtr<VMFuncRef>>) -> ValRaw {
    from_low(func.map_or(0, |func| func.as_ptr() as u64))
}

pub(crate) fn i32(slot: &ValRaw) -> i32 {
    // SAFETY: slots are initialised in full (module documentation).
    unsafe { slot.i32 }
}

pub(crate) fn i64(slot: &ValRaw) -> i64 {
    // SAFETY: slots are initialised in full (module documentation).
    unsafe { slot.i64 }
}

/// A pointer or length for a memory with such addresses.
pub(crate) fn address(ty: AddressType, slot: &ValRaw) -> u64 {
    match ty {
        AddressType::I32 => u64::from(i32(slot) as u32),
        AddressType::I64 => i64(slot) as u64,
    }
}

pub(crate) fn f32(slot: &ValRaw) -> u32 {
    // SAFETY: slots are initialised in full (module documentation).
    unsafe { slot.f32 }
}

pub(crate) fn f64(slot: &ValRaw) -> u64 {
    // SAFETY: slots are initialised in full (module documentation).
    unsafe { slot.f64 }
}

pub(crate) fn v128(slot: &ValRaw) -> [u8; 16] {
    // SAFETY: slots are initialised in full (module documentation).
    unsafe { slot.v128 }
}

pub(crate) fn externref(slot: &ValRaw) -> u64 {
    // SAFETY: slots are initialised in full (module documentation).
    unsafe { slot.externref }
}

pub(crate) fn exnref(slot: &ValRaw) -> u64 {
    // SAFETY: slots are initialised in full (module documentation).
    unsafe { slot.exnref }
}

/// Reads a `funcref` that compiled code, or [`from_funcref`], put in the slot.
pub(crate) fn funcref(slot: &ValRaw) -> Option<VmPtr<VMFuncRef>> {
    // SAFETY: slots are initialised in full (module documentation).
    let pointer: *mut c_void = unsafe { slot.funcref };
    // SAFETY: validated wasm can't make a `funcref` up, so this is null or one that the host or
    // an instance gave out; both live as long as their store.
    unsafe { VmPtr::new(pointer.cast()) }
}

/// An array of slots whose length the type tells.
pub trait SlotArray: Copy + sealed::Sealed + 'static {
    /// How many slots there are.
    const LEN: usize;
}

impl<const N: usize> SlotArray for [ValRaw; N] {
    const LEN: usize = N;
}

mod sealed {
    pub trait Sealed {}
    impl<const N: usize> Sealed for [super::ValRaw; N] {}
}

/// Room for a call's parameters and, over them, its results.
#[repr(C)]
pub(crate) union CallSlots<P: SlotArray, R: SlotArray> {
    params: P,
    results: R,
}

impl<P: SlotArray, R: SlotArray> CallSlots<P, R> {
    /// Slots of zeros.
    pub(crate) fn zeroed() -> Self {
        // SAFETY: `SlotArray` is sealed to arrays of `ValRaw`, for which zeros are valid.
        unsafe { std::mem::zeroed() }
    }

    /// All slots: as many as the longer of the two arrays has.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [ValRaw] {
        let length = if P::LEN > R::LEN { P::LEN } else { R::LEN };
        // SAFETY: the union is as large as its larger field, an array of `ValRaw` of that
        // length, and was initialised in full by `zeroed`.
        unsafe { std::slice::from_raw_parts_mut((&raw mut *self).cast(), length) }
    }
}

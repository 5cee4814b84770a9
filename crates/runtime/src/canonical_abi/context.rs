//! What lifting and lowering need of the guest: its memory, its `realloc`, the types.
//!
//! `LiftLowerContext` in `definitions.py`. Pointers that guests give are checked here, once for
//! all that they point to. What lies inside is then taken from a slice when lifting; when lowering,
//! which may move the memory by calling `realloc`, each access is checked again, so that a slip
//! there is a trap and nothing worse.

use super::abi::TypeAbi;
use super::handle::CallHandles;
use crate::store::StoreOpaque;
use crate::trap::Trap;
use crate::vm::{ComponentInstancePtr, DefinedMemory, GuestOptions, StackFloor, val_raw};
use anyhow::{Error, Result, anyhow};
use threadline_environ::canonical_abi::is_aligned;
use threadline_environ::component::{ComponentTypes, InterfaceType, StringEncoding};
use threadline_environ::layout::ValRaw;
use threadline_environ::types::AddressType;

/// Where a string or list is in a guest's memory: its address, and its length in whatever units.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) address: u64,
    pub(super) length: u64,
}

/// Lifts values out of a guest.
#[doc(hidden)]
pub struct LiftContext<'a> {
    pub(super) store: &'a StoreOpaque,
    pub(super) instance: ComponentInstancePtr,
    pub(super) options: &'a GuestOptions,
    /// What the call has borrowed and lent.
    pub(super) handles: &'a CallHandles,
    /// The guest's memory, if anything has been looked for there.
    memory: Option<&'a [u8]>,
    /// How far down the stack may be used.
    stack: StackFloor,
    /// Bytes that what is lifted may still take on the host.
    budget: usize,
}

/// Bytes that what an allocation holds is charged besides, for the allocator's part.
const ALLOCATION: usize = 16;

impl<'a> LiftContext<'a> {
    /// Lifts with these options, which are the instance's, of the store.
    #[inline]
    pub(crate) fn new(
        store: &'a StoreOpaque,
        instance: ComponentInstancePtr,
        options: &'a GuestOptions,
        handles: &'a CallHandles,
    ) -> LiftContext<'a> {
        LiftContext {
            store,
            instance,
            options,
            handles,
            memory: None,
            stack: StackFloor::unknown(),
            budget: store.max_lifted_bytes(),
        }
    }

    /// The component's types.
    pub(crate) fn types(&self) -> &'a ComponentTypes {
        &self.instance.description().types
    }

    /// What the guest's pointers and lengths are.
    #[inline]
    pub fn address(&self) -> AddressType {
        self.options.address
    }

    /// How the guest's strings are encoded.
    pub(super) fn string_encoding(&self) -> StringEncoding {
        self.options.string_encoding
    }

    /// Lifts with what another context has left of its budget, for the same call.
    pub(crate) fn with_budget(mut self, bytes: usize) -> LiftContext<'a> {
        self.budget = bytes;
        self
    }

    /// Returns how many bytes what is lifted may still take on the host.
    pub(crate) fn budget(&self) -> usize {
        self.budget
    }

    /// Takes bytes out of the budget, for something that is about to be made of what a guest passes.
    ///
    /// # Errors
    /// If the budget has less.
    #[inline]
    pub(super) fn charge(&mut self, bytes: usize) -> Result<()> {
        match self.budget.checked_sub(bytes) {
            Some(rest) => {
                self.budget = rest;
                Ok(())
            }
            None => Err(self.over_budget()),
        }
    }

    #[cold]
    #[inline(never)]
    fn over_budget(&self) -> Error {
        anyhow!(
            "the values that a guest passes in one call take more than {} bytes on the host, which is \
             the limit (`Config::max_lifted_bytes`)",
            self.store.max_lifted_bytes()
        )
    }

    /// Takes what a box for a value takes out of the budget.
    ///
    /// # Errors
    /// As for [`Self::charge`].
    #[inline]
    pub(super) fn charge_box<T>(&mut self) -> Result<()> {
        self.charge(ALLOCATION + size_of::<T>())
    }

    /// Checks that there is stack for what is inside of a value.
    ///
    /// # Errors
    /// If there isn't.
    #[inline]
    pub(super) fn check_stack(&mut self) -> Result<()> {
        match self.stack.allows_more() {
            true => Ok(()),
            false => Err(nested_too_deep("lifted")),
        }
    }

    /// Makes room for elements on the host.
    ///
    /// # Errors
    /// If that is too much for one call, or there is no room.
    pub(super) fn room<T>(&mut self, count: usize) -> Result<Vec<T>> {
        if count > 0 {
            self.charge(
                count
                    .saturating_mul(size_of::<T>())
                    .saturating_add(ALLOCATION),
            )?;
        }
        let mut elements = Vec::new();
        elements.try_reserve_exact(count)?;
        Ok(elements)
    }

    fn memory(&mut self) -> Result<&'a [u8]> {
        if let Some(memory) = self.memory {
            return Ok(memory);
        }
        let memory = self.instance.guest_memory(self.options)?.data(self.store);
        self.memory = Some(memory);
        Ok(memory)
    }

    /// `length` bytes of the guest's memory, at an address that it gave.
    ///
    /// # Errors
    /// A trap if the address is misaligned; `otherwise`, if they reach out of the memory.
    pub(super) fn bytes(
        &mut self,
        address: u64,
        length: u64,
        align: u32,
        otherwise: Trap,
    ) -> Result<&'a [u8]> {
        if !is_aligned(address, align) {
            return Err(Trap::UnalignedPointer.into());
        }
        Ok(slice(self.memory()?, address, length).ok_or(otherwise)?)
    }

    /// The bytes of a value, or of values one after the other as a tuple, that a slot points to.
    ///
    /// # Errors
    /// A trap if the address is misaligned, or they reach out of the memory.
    pub(super) fn pointee(&mut self, slot: &ValRaw, size: u32, align: u32) -> Result<&'a [u8]> {
        let address = val_raw::address(self.address(), slot);
        self.bytes(address, size.into(), align, Trap::CanonicalOutOfBounds)
    }

    /// A pointer and a length in two slots.
    pub(super) fn range_from_slots(&self, from: &[ValRaw]) -> Range {
        Range {
            address: val_raw::address(self.address(), &from[0]),
            length: val_raw::address(self.address(), &from[1]),
        }
    }

    /// A pointer and a length in memory.
    pub(super) fn range_from_memory(&self, from: &[u8]) -> Range {
        match self.address() {
            AddressType::I32 => Range {
                address: u32::from_le_bytes(array(&from[..4])).into(),
                length: u32::from_le_bytes(array(&from[4..8])).into(),
            },
            AddressType::I64 => Range {
                address: u64::from_le_bytes(array(&from[..8])),
                length: u64::from_le_bytes(array(&from[8..16])),
            },
        }
    }
}

/// The error of a value for whose parts there is no stack left.
#[cold]
#[inline(never)]
fn nested_too_deep(done: &str) -> Error {
    Error::from(Trap::StackOverflow).context(format!(
        "a value is nested too deep to be {done} on what is left of the stack"
    ))
}

/// A slice of known length as an array.
#[inline(always)]
pub(super) fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

/// That range of a memory, if it is in it.
pub(super) fn slice(memory: &[u8], address: u64, length: u64) -> Option<&[u8]> {
    let end = address.checked_add(length)?;
    memory.get(usize::try_from(address).ok()?..usize::try_from(end).ok()?)
}

/// Lowers values into a guest.
#[doc(hidden)]
pub struct LowerContext<'a> {
    pub(super) store: &'a mut StoreOpaque,
    pub(super) instance: ComponentInstancePtr,
    pub(super) options: &'a GuestOptions,
    /// What the call has borrowed and lent.
    pub(super) handles: &'a CallHandles,
    /// The guest's memory, if anything has been looked for there.
    memory: Option<DefinedMemory>,
    /// How far down the stack may be used.
    stack: StackFloor,
}

impl<'a> LowerContext<'a> {
    /// Lowers with these options, which are the instance's, of the store.
    #[inline]
    pub(crate) fn new(
        store: &'a mut StoreOpaque,
        instance: ComponentInstancePtr,
        options: &'a GuestOptions,
        handles: &'a CallHandles,
    ) -> LowerContext<'a> {
        LowerContext {
            store,
            instance,
            options,
            handles,
            memory: None,
            stack: StackFloor::unknown(),
        }
    }

    /// Checks that there is stack for what is inside of a value.
    ///
    /// # Errors
    /// If there isn't.
    #[inline]
    pub(super) fn check_stack(&mut self) -> Result<()> {
        match self.stack.allows_more() {
            true => Ok(()),
            false => Err(nested_too_deep("lowered")),
        }
    }

    /// The component's types.
    pub(crate) fn types(&self) -> &'a ComponentTypes {
        &self.instance.description().types
    }

    /// What the guest's pointers and lengths are.
    #[inline]
    pub fn address(&self) -> AddressType {
        self.options.address
    }

    /// How the guest's strings are encoded.
    pub(super) fn string_encoding(&self) -> StringEncoding {
        self.options.string_encoding
    }

    #[inline]
    fn memory(&mut self) -> Result<&mut [u8]> {
        let memory = match self.memory {
            Some(memory) => memory,
            None => {
                let memory = self.instance.guest_memory(self.options)?;
                self.memory = Some(memory);
                memory
            }
        };
        Ok(memory.data_mut(self.store))
    }

    /// Has the guest's `realloc` allocate so many bytes, and checks what it says.
    ///
    /// # Errors
    /// A trap in `realloc`, or if the address it gives is misaligned or the bytes reach out of
    /// the memory.
    pub(super) fn allocate(&mut self, align: u32, size: u32) -> Result<usize> {
        self.reallocate(0, 0, align, size)
    }

    /// Has the guest's `realloc` change an allocation's size, and checks what it says.
    ///
    /// # Errors
    /// As for [`Self::allocate`].
    pub(super) fn reallocate(
        &mut self,
        old: usize,
        old_size: u32,
        align: u32,
        size: u32,
    ) -> Result<usize> {
        let numbers = [old as u64, old_size.into(), align.into(), size.into()];
        let address = self.instance.realloc(self.store, self.options, numbers)?;
        if !is_aligned(address, align) {
            return Err(Trap::ReallocUnaligned.into());
        }
        let inside = slice(self.memory()?, address, size.into());
        inside.ok_or(Trap::ReallocOutOfBounds)?;
        Ok(address as usize)
    }

    /// Checks a pointer that the guest gave for a result to be stored at.
    ///
    /// # Errors
    /// A trap if it is misaligned, or the result would reach out of the memory.
    pub(super) fn check_pointer(&mut self, address: u64, align: u32, size: u32) -> Result<usize> {
        if !is_aligned(address, align) {
            return Err(Trap::UnalignedPointer.into());
        }
        let inside = slice(self.memory()?, address, size.into());
        inside.ok_or(Trap::CanonicalOutOfBounds)?;
        Ok(address as usize)
    }

    /// So many bytes of the guest's memory.
    ///
    /// # Errors
    /// A trap if they reach out of it.
    #[inline]
    pub(super) fn bytes(&mut self, address: usize, length: usize) -> Result<&mut [u8]> {
        let bytes = self.memory()?.get_mut(address..);
        let bytes = bytes.and_then(|bytes| bytes.get_mut(..length));
        Ok(bytes.ok_or(Trap::CanonicalOutOfBounds)?)
    }

    /// Writes bytes to the guest's memory.
    ///
    /// # Errors
    /// A trap if they reach out of it.
    #[inline]
    pub(super) fn write(&mut self, address: usize, bytes: &[u8]) -> Result<()> {
        self.bytes(address, bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// Writes a pointer and a length to two slots.
    pub(super) fn range_to_slots(&self, range: Range, to: &mut [ValRaw]) {
        to[0] = val_raw::from_address(self.address(), range.address);
        to[1] = val_raw::from_address(self.address(), range.length);
    }

    /// Writes a pointer and a length to memory.
    ///
    /// # Errors
    /// As for [`Self::write`].
    pub(super) fn range_to_memory(&mut self, range: Range, to: usize) -> Result<()> {
        let Range { address, length } = range;
        match self.address() {
            AddressType::I32 => self.write(to, &(address | length << 32).to_le_bytes()),
            AddressType::I64 => {
                let both = u128::from(address) | u128::from(length) << 64;
                self.write(to, &both.to_le_bytes())
            }
        }
    }
}

/// Where the types of parts are looked up: only for those Rust types that can't do without, which
/// are the ones with resources in them. Others are given some type, which they ignore.
macro_rules! part_types {
    ($($context:ident)*) => {$(
        impl $context<'_> {
            /// The type of a field of a `record` or of an element of a `tuple`. `field` is what the Rust
            /// type says of itself.
            #[inline(always)]
            pub fn field_type(&self, field: &TypeAbi, ty: InterfaceType, i: usize) -> InterfaceType {
                if field.has_handles() { field_type(self.types(), ty, i) } else { ty }
            }

            /// The type of the payload of a case of a `variant`, `option` or `result`. `payload` is
            /// what the Rust type says of itself.
            #[inline(always)]
            pub fn case_type(&self, payload: &TypeAbi, ty: InterfaceType, i: usize) -> InterfaceType {
                if payload.has_handles() { case_type(self.types(), ty, i) } else { ty }
            }

            /// The type of the elements of a `list`; of a `map`, that of its entries. `element` is
            /// what the Rust type says of itself.
            #[inline(always)]
            pub(super) fn element_type(&self, element: &TypeAbi, ty: InterfaceType) -> InterfaceType {
                if element.has_handles() { element_type(self.types(), ty) } else { ty }
            }
        }
    )*};
}

part_types!(LiftContext LowerContext);

pub(super) fn field_type(types: &ComponentTypes, ty: InterfaceType, i: usize) -> InterfaceType {
    let field = match ty {
        InterfaceType::Record(index) => types.records[index].fields.get(i).map(|&(_, ty)| ty),
        InterfaceType::Tuple(index) => types.tuples[index].types.get(i).copied(),
        _ => None,
    };
    field.unwrap_or(ty)
}

pub(super) fn case_type(types: &ComponentTypes, ty: InterfaceType, i: usize) -> InterfaceType {
    let payload = types.cases(ty).filter(|cases| i < cases.len());
    payload.and_then(|cases| cases.payload(i)).unwrap_or(ty)
}

pub(super) fn element_type(types: &ComponentTypes, ty: InterfaceType) -> InterfaceType {
    match ty {
        InterfaceType::List(index) => types.lists[index].element,
        InterfaceType::FixedLengthList(index) => types.fixed_length_lists[index].element,
        InterfaceType::Map(index) => InterfaceType::Tuple(types.maps[index].entry),
        other => other,
    }
}

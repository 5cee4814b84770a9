//! What lifting and lowering need of the guest: its memory, its `realloc`, the types.
//!
//! `LiftLowerContext` in `definitions.py`. Every access to memory is checked here, also where the
//! caller has checked a larger range before: a slip there is then a trap and nothing worse.

use crate::store::StoreOpaque;
use crate::trap::Trap;
use crate::vm::{ComponentInstancePtr, GuestOptions};
use anyhow::Result;
use threadline_environ::component::ComponentTypes;

/// Lifts values out of a guest.
#[doc(hidden)]
pub struct LiftContext<'a> {
    store: &'a StoreOpaque,
    instance: ComponentInstancePtr,
    options: &'a GuestOptions,
}

impl<'a> LiftContext<'a> {
    /// Lifts with these options, which are the instance's, of the store.
    pub(crate) fn new(
        store: &'a StoreOpaque,
        instance: ComponentInstancePtr,
        options: &'a GuestOptions,
    ) -> LiftContext<'a> {
        LiftContext {
            store,
            instance,
            options,
        }
    }

    /// The component's types.
    pub(crate) fn types(&self) -> &'a ComponentTypes {
        &self.instance.description().types
    }

    fn memory(&self) -> Result<&'a [u8]> {
        self.instance.guest_bytes(self.store, self.options)
    }

    /// `length` bytes of the guest's memory.
    ///
    /// # Errors
    /// `otherwise` if they reach out of it.
    pub(crate) fn bytes(&self, address: u32, length: usize, otherwise: Trap) -> Result<&'a [u8]> {
        let memory = self.memory()?;
        let start = address as usize;
        let bytes = memory.get(start..start.saturating_add(length));
        Ok(bytes.ok_or(otherwise)?)
    }

    /// So many bytes of the guest's memory.
    pub(crate) fn load<const N: usize>(&self, address: u32) -> Result<[u8; N]> {
        let bytes = self.bytes(address, N, Trap::CanonicalOutOfBounds)?;
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        Ok(array)
    }
}

/// Lowers values into a guest.
#[doc(hidden)]
pub struct LowerContext<'a> {
    store: &'a mut StoreOpaque,
    instance: ComponentInstancePtr,
    options: &'a GuestOptions,
}

impl<'a> LowerContext<'a> {
    /// Lowers with these options, which are the instance's, of the store.
    pub(crate) fn new(
        store: &'a mut StoreOpaque,
        instance: ComponentInstancePtr,
        options: &'a GuestOptions,
    ) -> LowerContext<'a> {
        LowerContext {
            store,
            instance,
            options,
        }
    }

    /// The component's types.
    pub(crate) fn types(&self) -> &'a ComponentTypes {
        &self.instance.description().types
    }

    fn memory(&self) -> Result<&[u8]> {
        self.instance.guest_bytes(self.store, self.options)
    }

    /// Has the guest's `realloc` allocate so many bytes, and checks what it says.
    ///
    /// # Errors
    /// A trap in `realloc`, or if the address it gives is misaligned or the bytes reach out of
    /// the memory.
    pub(crate) fn allocate(&mut self, align: u32, size: u32) -> Result<u32> {
        let address = self
            .instance
            .realloc(self.store, self.options, align, size)?;
        if !address.is_multiple_of(align) {
            return Err(Trap::ReallocUnaligned.into());
        }
        let length = self.memory()?.len();
        if u64::from(address) + u64::from(size) > length as u64 {
            return Err(Trap::ReallocOutOfBounds.into());
        }
        Ok(address)
    }

    /// Allocates and fills a string or a list of bytes.
    pub(crate) fn allocate_bytes(&mut self, bytes: &[u8], maximum: u32) -> Result<(u32, u32)> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        if length > maximum {
            return Err(Trap::ListTooLong.into());
        }
        let address = self.allocate(1, length)?;
        self.write(address, bytes)?;
        Ok((address, length))
    }

    /// Checks a pointer that the guest gave for a result to be stored at.
    ///
    /// # Errors
    /// A trap if it is misaligned, or the result would reach out of the memory.
    pub(crate) fn check_pointer(&self, address: u32, align: u32, size: u32) -> Result<()> {
        check_pointer(self.memory()?, address, align, size)
    }

    /// Writes bytes to the guest's memory.
    ///
    /// # Errors
    /// A trap if they reach out of it.
    pub(crate) fn write(&mut self, address: u32, bytes: &[u8]) -> Result<()> {
        let memory = self.instance.guest_bytes_mut(self.store, self.options)?;
        let start = address as usize;
        let place = memory.get_mut(start..start.saturating_add(bytes.len()));
        let place = place.ok_or(Trap::CanonicalOutOfBounds)?;
        place.copy_from_slice(bytes);
        Ok(())
    }
}

impl LiftContext<'_> {
    /// Checks a pointer to values that the guest passes in memory.
    ///
    /// # Errors
    /// A trap if it is misaligned, or they reach out of the memory.
    pub(crate) fn check_pointer(&self, address: u32, align: u32, size: u32) -> Result<()> {
        check_pointer(self.memory()?, address, align, size)
    }
}

fn check_pointer(memory: &[u8], address: u32, align: u32, size: u32) -> Result<()> {
    if !address.is_multiple_of(align) {
        return Err(Trap::UnalignedPointer.into());
    }
    if u64::from(address) + u64::from(size) > memory.len() as u64 {
        return Err(Trap::CanonicalOutOfBounds.into());
    }
    Ok(())
}

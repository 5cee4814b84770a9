//! Globals: reading and writing their storage.

use super::pointer::VmPtr;
use threadline_environ::layout::{VMGlobalDefinition, ValRaw};

/// The storage of a global, in some `VMContext` or `VMComponentContext`.
pub(crate) type GlobalPtr = VmPtr<VMGlobalDefinition>;

impl GlobalPtr {
    /// Its value.
    pub(crate) fn read(self) -> ValRaw {
        // SAFETY: the storage is alive and initialised in full; wasm isn't writing it now: the
        // host is running.
        let bytes = unsafe { (*self.as_ptr()).bytes };
        ValRaw { v128: bytes }
    }

    /// Sets its value.
    pub(crate) fn write(self, value: ValRaw) {
        let bytes = super::val_raw::v128(&value);
        // SAFETY: as in `read`.
        unsafe { (*self.as_ptr()).bytes = bytes };
    }
}

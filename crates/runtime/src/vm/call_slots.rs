//! Slots of calls that futures keep, which have to be `Send`.

use std::ops::{Deref, DerefMut};
use threadline_environ::layout::ValRaw;

/// The slots of a call of a host function, to be kept by a future.
pub(crate) struct HostSlots<'a>(&'a mut [ValRaw]);

// SAFETY: of what slots can hold, function references alone are pointers; they are to what lives
// as long as the store, and whoever keeps slots has borrowed that, too, and goes where it goes.
unsafe impl Send for HostSlots<'_> {}

impl<'a> HostSlots<'a> {
    pub(super) fn new(slots: &'a mut [ValRaw]) -> HostSlots<'a> {
        HostSlots(slots)
    }
}

impl Deref for HostSlots<'_> {
    type Target = [ValRaw];

    fn deref(&self) -> &[ValRaw] {
        self.0
    }
}

impl DerefMut for HostSlots<'_> {
    fn deref_mut(&mut self) -> &mut [ValRaw] {
        self.0
    }
}

/// The parameters of an asynchronous call and, over them, its results.
#[derive(Debug)]
pub(crate) struct OwnedSlots(Vec<ValRaw>);

// SAFETY: as for `HostSlots`; the future that keeps these has borrowed the store.
unsafe impl Send for OwnedSlots {}

impl OwnedSlots {
    /// So many zeros.
    pub(crate) fn new(count: usize) -> OwnedSlots {
        OwnedSlots(vec![super::val_raw::ZERO; count])
    }
}

impl Deref for OwnedSlots {
    type Target = [ValRaw];

    fn deref(&self) -> &[ValRaw] {
        &self.0
    }
}

impl DerefMut for OwnedSlots {
    fn deref_mut(&mut self) -> &mut [ValRaw] {
        &mut self.0
    }
}

//! Callers on the host's stack, lent to the store while it is turned on their behalf.

use crate::concurrent::{HostCallId, HostCaller};
use crate::store::StoreOpaque;
use std::mem;
use std::ptr::NonNull;

/// Where a call's caller is.
#[derive(Default)]
pub(crate) enum CallerSlot {
    /// Nowhere: it is not turning the store, or is being used.
    #[default]
    Absent,
    /// Borrowed from who turns the store.
    Lent(Lent),
    /// In the store.
    Kept(Box<dyn HostCaller + Send>),
}

/// A caller that is borrowed for as long as it is in its slot.
pub(crate) struct Lent(NonNull<dyn HostCaller>);

// SAFETY: it is there only while `with_caller` runs, which has borrowed the store, and is used within
// that: by the thread that the caller is on.
unsafe impl Send for Lent {}
// SAFETY: nothing can be done with a shared one.
unsafe impl Sync for Lent {}

impl StoreOpaque {
    /// Turns the store with a caller at hand.
    pub(crate) fn with_caller<R>(
        &mut self,
        call: HostCallId,
        caller: &mut dyn HostCaller,
        turn: impl FnOnce(&mut StoreOpaque) -> R,
    ) -> R {
        /// Takes the caller back, also when `turn` panics.
        struct Borrowed<'a>(&'a mut StoreOpaque, HostCallId);

        impl Drop for Borrowed<'_> {
            fn drop(&mut self) {
                if let Some(slot) = self.0.concurrency.host_calls.caller(self.1) {
                    *slot = CallerSlot::Absent;
                }
            }
        }

        let caller: NonNull<dyn HostCaller + '_> = NonNull::from(caller);
        // SAFETY: only the lifetime changes. The pointer is gone before the borrow ends: the slot is
        // emptied when `borrowed` is dropped, which nothing prevents, and `use_caller` gives it back.
        let caller = unsafe {
            mem::transmute::<NonNull<dyn HostCaller + '_>, NonNull<dyn HostCaller + 'static>>(
                caller,
            )
        };
        if let Some(slot) = self.concurrency.host_calls.caller(call) {
            *slot = CallerSlot::Lent(Lent(caller));
        }
        let borrowed = Borrowed(self, call);
        turn(&mut *borrowed.0)
    }

    /// Uses the caller of a call, if it is there.
    pub(crate) fn use_caller<R>(
        &mut self,
        call: HostCallId,
        body: impl FnOnce(&mut dyn HostCaller, &mut StoreOpaque) -> R,
    ) -> Option<R> {
        let slot = self.concurrency.host_calls.caller(call)?;
        let mut caller = mem::take(slot);
        let result = match &mut caller {
            CallerSlot::Absent => return None,
            // SAFETY: it is borrowed exclusively by `with_caller`, which has not returned, for it would
            // have emptied the slot; and it was taken out of there, so nobody else uses it meanwhile.
            CallerSlot::Lent(lent) => body(unsafe { lent.0.as_mut() }, self),
            CallerSlot::Kept(caller) => body(&mut **caller, self),
        };
        if let Some(slot) = self.concurrency.host_calls.caller(call) {
            *slot = caller;
        }
        Some(result)
    }
}

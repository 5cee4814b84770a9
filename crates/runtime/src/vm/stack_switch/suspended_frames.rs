//! The wasm frames on stacks that are suspended, for who reports what their threads wait for.
//!
//! ```text
//!   base        the entry at its top: HostToWasm, fp = base.handler_fp        ┐
//!                 wasm … wasm                                                 │ one run
//!                   exit trampoline, fp = state.stack.exit_fp                 ┘
//! ```
//!
//! A guest is suspended only where that entry is its innermost one, so there is one run, and what the
//! entry is linked to is not looked at: it was its resumer's when it last ran.

use super::GuestStack;
use crate::store::StoreOpaque;
use crate::trap::WasmBacktrace;
use crate::vm::backtrace::RawBacktrace;

impl StoreOpaque {
    /// The wasm frames of a guest thread of this store that is suspended on its stack; none if it has no
    /// stack, which is so between callbacks, if it has not begun, or if it runs.
    pub(crate) fn suspended_frames(&self, guest: &GuestStack) -> Option<WasmBacktrace> {
        let record = guest.0.as_ptr();
        let mut frames = RawBacktrace::new();
        // SAFETY: the record is alive while its `GuestStack` is, and its store never changes. If that is
        // this one, which is borrowed here, nobody resumes the guest meanwhile. If it is suspended, it is so
        // in a host function that its wasm called, by an exit trampoline whose frame pointer was saved in
        // its state. Its frames, and the record `base`, are on its stack as long as it has that.
        unsafe {
            if (*record).store != self.vm().context_ptr() || !(*record).is_suspended {
                return None;
            }
            let base = (*record).base.as_ref()?;
            let stack = &(*record).state.stack;
            frames.capture_run(stack.exit_fp, base.handler_fp);
        }
        Some(frames.symbolize()).filter(|backtrace| !backtrace.frames().is_empty())
    }
}

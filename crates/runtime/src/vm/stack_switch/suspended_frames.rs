//! The wasm frames on stacks that are suspended, for who reports what their threads wait for.
//!
//! ```text
//!   base        the fiber's first entry: HostToWasm, fp = base.handler_fp     ┐
//!                 wasm … wasm                                                 │ one run
//!                   exit trampoline, fp = state.stack.exit_fp                 ┘
//!   sp            builtin … suspend: ours, not walked
//! ```
//!
//! A fiber is suspended only where its first entry is its innermost one, so there is one run, and what
//! that entry is linked to is not looked at: it was its resumer's when it last ran.

use super::GuestStack;
use crate::store::StoreOpaque;
use crate::trap::WasmBacktrace;
use crate::vm::backtrace::RawBacktrace;
use threadline_fiber::Fiber;

impl StoreOpaque {
    /// The wasm frames of a guest thread of this store that is suspended on its stack; none if it has no
    /// stack, which is so between callbacks, if it has not begun, or if it runs.
    pub(crate) fn suspended_frames(&self, guest: &GuestStack) -> Option<WasmBacktrace> {
        let record = guest.0.as_ptr();
        let mut frames = RawBacktrace::new();
        // SAFETY: the record is alive while its `GuestStack` is, and its store never changes. If that is
        // this one, which is borrowed here, nobody resumes the fiber meanwhile. If it is suspended, it
        // was so from a host function that its wasm called, by an exit trampoline
        // whose frame pointer whoever it came back to has saved in its state. Its frames, with the
        // record `base` among them, are on its stack as long as it has that.
        unsafe {
            let is_suspended = (*record)
                .fiber
                .as_ref()
                .and_then(Fiber::suspended_sp)
                .is_some();
            if (*record).store != self.vm().context_ptr() || !is_suspended {
                return None;
            }
            let base = (*record).base.as_ref()?;
            let stack = &(*record).state.stack;
            if !std::ptr::eq(stack.entry, base) {
                return None;
            }
            frames.capture_run(stack.exit_fp, base.handler_fp);
        }
        Some(frames.symbolize()).filter(|backtrace| !backtrace.frames().is_empty())
    }
}

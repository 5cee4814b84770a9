//! Walks the wasm frames of a stack and names them.
//!
//! Compiled code keeps frame pointers, so a frame is two words wherever the stack is looked at:
//!
//! ```text
//!   fp + 8   return address: into the caller's code
//!   fp       the caller's fp
//! ```
//!
//! Wasm frames come in runs, each between an exit to the host (or a fault) and an entry from it:
//!
//! ```text
//!   host function            frames unknown, not walked
//!   exit trampoline          fp = exit_fp            ┐
//!   wasm … wasm                                      │ one run
//!   entry trampoline         fp = entry.handler_fp   ┘
//!   host: call_wasm          holds the VMEntryRecord `entry`
//!   host function            …
//!   exit trampoline          fp = entry.previous_exit_fp, next run up to `entry.previous`
//! ```
//!
//! Capturing only reads the stack and writes into a buffer that is there already, so that signal
//! handlers can do it; naming comes later, in [`RawBacktrace::symbolize`].

use crate::code::registry;
use crate::trap::WasmBacktrace;
use threadline_environ::layout::{VMEntryRecord, VMStoreContext};

/// How many frames are recorded; the rest is counted.
const MAX_FRAMES: usize = 64;

/// Code addresses of frames, innermost first, each inside the instruction that was running (not
/// after it, as return addresses are).
pub(super) struct RawBacktrace {
    pcs: [usize; MAX_FRAMES],
    length: usize,
    omitted: usize,
}

impl RawBacktrace {
    /// No frames.
    pub(super) const fn new() -> RawBacktrace {
        RawBacktrace {
            pcs: [0; MAX_FRAMES],
            length: 0,
            omitted: 0,
        }
    }

    /// Forgets all frames.
    pub(super) fn clear(&mut self) {
        self.length = 0;
        self.omitted = 0;
    }

    /// Records the frames below the last exit from wasm to the host, if the store is in wasm.
    ///
    /// # Safety
    /// `context` is a store's, and this thread runs a host function that the store's compiled code
    /// called last, or nothing of the store's wasm at all.
    pub(super) unsafe fn capture_exit(&mut self, context: *const VMStoreContext) {
        self.clear();
        // SAFETY: the caller answers for `context`; if there is an entry, the host function it
        // led to was called through a trampoline that set the exit registers.
        unsafe {
            let entry = (*context).entry;
            if !entry.is_null() {
                self.walk((*context).exit_fp, entry);
            }
        }
    }

    /// Records the frames of compiled code that was interrupted at `pc`.
    ///
    /// # Safety
    /// `pc` and `fp` are registers of the store's compiled code, past its function's prologue, in
    /// a fault on this thread.
    pub(super) unsafe fn capture_fault(
        &mut self,
        context: *const VMStoreContext,
        pc: usize,
        fp: usize,
    ) {
        self.clear();
        self.push(pc);
        // SAFETY: passed on to the caller.
        unsafe { self.walk(fp, (*context).entry) };
    }

    /// Records the callers of the frame at `fp` up to, and without, the one at `last`, and no others:
    /// what wasm there is on a stack of its own.
    ///
    /// # Safety
    /// Both are frame pointers of frames of compiled code that has not returned, in one run, on a stack
    /// on which nothing runs meanwhile.
    pub(super) unsafe fn capture_run(&mut self, fp: usize, last: usize) {
        self.clear();
        // SAFETY: passed on to the caller.
        unsafe { self.walk_run(fp, last) };
    }

    /// Records the callers of the frame at `fp`, down to the outermost entry.
    ///
    /// # Safety
    /// `fp` is the frame pointer of a frame of compiled code on this stack, in the run that began
    /// at `entry`; the entry records are live.
    unsafe fn walk(&mut self, mut fp: usize, mut entry: *const VMEntryRecord) {
        while !entry.is_null() {
            // SAFETY: the caller answers for the record, and for those it is linked to: each is in
            // the frame of a `call_wasm` that has not returned.
            let record = unsafe { &*entry };
            // SAFETY: `fp` starts a run that ends at this record's trampoline: for the first run
            // by the caller's word, for others because the exit trampoline of the host function
            // that led to this entry stored it.
            unsafe { self.walk_run(fp, record.handler_fp) };
            fp = record.previous_exit_fp;
            entry = record.previous;
        }
    }

    /// Records the callers of the frame at `fp` up to, and without, the one at `last`.
    ///
    /// # Safety
    /// Both are frame pointers of frames of compiled code on one stack, in one run.
    unsafe fn walk_run(&mut self, mut fp: usize, last: usize) {
        while fp < last {
            // SAFETY: compiled code keeps its frame pointers linked, and `fp < last` shows that
            // the two words are within the run.
            let (caller, return_address) = unsafe {
                let frame = fp as *const usize;
                (*frame, *frame.add(1))
            };
            // Callers are at higher addresses; anything else is no chain of ours.
            if caller <= fp || caller >= last {
                return;
            }
            self.push(return_address.wrapping_sub(1));
            fp = caller;
        }
    }

    fn push(&mut self, pc: usize) {
        match self.pcs.get_mut(self.length) {
            Some(slot) => {
                *slot = pc;
                self.length += 1;
            }
            None => self.omitted += 1,
        }
    }

    /// Names the frames; those of code that the compiler added are left out.
    pub(super) fn symbolize(&self) -> WasmBacktrace {
        let frames = self.pcs[..self.length]
            .iter()
            .filter_map(|&pc| Some(registry::lookup(pc)?.frames_at(pc)))
            .flatten()
            .collect();
        WasmBacktrace::new(frames, self.omitted)
    }
}

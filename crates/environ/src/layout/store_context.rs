//! `VMStoreContext` and the record of an entry into wasm.

use core::sync::atomic::{AtomicU64, AtomicUsize};

/// The state of a store that compiled code touches. One per store; it never moves.
#[derive(Debug)]
#[repr(C)]
pub struct VMStoreContext {
    /// The lowest stack address that wasm may use; prologues compare with it.
    ///
    /// Written on the outermost entry and at stack switches.
    pub stack_limit: AtomicUsize,
    /// Frame pointer of the trampoline through which wasm was last left for the host.
    ///
    /// Written by compiled code on each exit, read by backtraces; saved in [`VMEntryRecord`].
    pub exit_fp: usize,
    /// The address in wasm code to which that exit returns. Same life as `exit_fp`.
    pub exit_pc: usize,
    /// The innermost entry from the host on the current stack; null outside wasm.
    pub entry: *mut VMEntryRecord,
    /// How much fuel wasm has left; negative if it is overdrawn.
    ///
    /// Compiled code keeps it in a register and writes it back where it calls and returns.
    pub fuel: i64,
    /// The epoch in which wasm is interrupted. Written by the host only, while it runs.
    pub epoch_deadline: u64,
    /// The engine's count of epochs; never changes.
    pub epoch_counter: *const AtomicU64,
    /// The runtime's own store, for host functions that compiled code calls.
    pub store: *mut core::ffi::c_void,
    /// The stack pointer that host functions start with which the guest calls, if the guest runs on a
    /// stack of its own: below the frames that resumed it. Null if the guest runs on the stack of its
    /// thread of the operating system; then host functions run below the guest's frames.
    ///
    /// Written by the switch to a guest's stack, and put back by the function that made it.
    pub host_sp: *mut u8,
    /// The stack pointer of the guest while a host function runs that it has called, if it has a stack
    /// of its own. The way back from the host function loads this: a host function that changes it has
    /// switched threads.
    ///
    /// Written on each way out of such a guest; swapped with the running thread.
    pub guest_sp: *mut u8,
}

/// What an entry from the host into wasm leaves in its frame, for traps to come back to and for
/// backtraces to go through.
///
/// The host links and unlinks it; the entry trampoline fills in the first three fields before it
/// calls wasm.
#[derive(Debug)]
#[repr(C)]
pub struct VMEntryRecord {
    /// Where a trap resumes: the landing pad of the entry trampoline.
    pub handler_pc: usize,
    /// The stack pointer the landing pad expects.
    pub handler_sp: usize,
    /// The frame pointer the landing pad expects.
    pub handler_fp: usize,
    /// The entry this one is nested in, or null.
    pub previous: *mut VMEntryRecord,
    /// `VMStoreContext::exit_fp` as it was before this entry.
    pub previous_exit_fp: usize,
    /// `VMStoreContext::exit_pc` as it was before this entry.
    pub previous_exit_pc: usize,
}

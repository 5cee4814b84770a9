//! aarch64.

use super::super::super::stack_switch::call_finished;
use std::arch::asm;
use std::ffi::c_void;
use std::io;
use std::mem::offset_of;
use threadline_environ::layout::VMStoreContext;

/// Goes on at `pc` with this stack and frame pointer, and a payload in `x0` and `x1`.
///
/// A landing pad, of an entry trampoline or of a wasm function's handler, expects `sp` and `x29`
/// and the payload, which the former has no use for, and nothing else: all it needs, the
/// callee-saved registers of its caller among them, is in its own frame.
///
/// # Safety
/// The three belong to a live frame, further out than the caller's if it is on the same stack, and every
/// frame in between can be forgotten.
pub(crate) unsafe fn resume_at(pc: usize, sp: usize, fp: usize, payload: [u64; 2]) -> ! {
    // SAFETY: the caller's word.
    unsafe {
        asm!(
            "mov sp, {sp}",
            "mov x29, {fp}",
            "br {pc}",
            sp = in(reg) sp,
            fp = in(reg) fp,
            pc = in(reg) pc,
            in("x0") payload[0],
            in("x1") payload[1],
            options(noreturn),
        )
    }
}

/// The word at an address, whatever it is part of: also between the variables of a frame, where code
/// that is checked may not read.
///
/// # Safety
/// The address is aligned, and mapped.
#[inline(always)]
pub(crate) unsafe fn read_any(address: *const usize) -> usize {
    let word;
    // SAFETY: it reads a word, as the caller says it may.
    unsafe {
        asm!(
            "ldr {word}, [{address}]",
            word = out(reg) word,
            address = in(reg) address,
            options(nostack, preserves_flags, readonly),
        );
    }
    word
}

/// The registers that a function finds as its caller left them, as they are now; of the vector
/// registers none, for they hold no references.
#[inline(always)]
pub(crate) fn callee_saved_registers() -> [usize; 10] {
    let mut registers = [0; 10];
    // SAFETY: stores ten words to an array of ten.
    unsafe {
        asm!(
            "stp x19, x20, [{to}]",
            "stp x21, x22, [{to}, 16]",
            "stp x23, x24, [{to}, 32]",
            "stp x25, x26, [{to}, 48]",
            "stp x27, x28, [{to}, 64]",
            to = in(reg) registers.as_mut_ptr(),
            options(nostack, preserves_flags),
        );
    }
    registers
}

/// Makes fresh code visible to all processors.
///
/// Data and instruction caches are not coherent here. Each line is cleaned to the point of
/// unification and then dropped from the instruction caches, which the hardware broadcasts; what
/// it does not broadcast is the `isb` that makes a processor forget what it has fetched already,
/// so the kernel is asked to have every other thread of the process do one (`membarrier`).
///
/// # Errors
/// If the kernel has no such `membarrier` (before Linux 4.16).
pub(crate) fn synchronize_instructions(code: &[u8]) -> io::Result<()> {
    let cache_type: usize;
    // SAFETY: Linux lets user code read this register.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) cache_type, options(nomem, nostack)) };
    let data_line = 4usize << ((cache_type >> 16) & 0xF);
    let instruction_line = 4usize << (cache_type & 0xF);
    let range = code.as_ptr_range();
    let (start, end) = (range.start.addr(), range.end.addr());

    for line in (start & !(data_line - 1)..end).step_by(data_line) {
        // SAFETY: cleaning the cache of readable memory changes no value.
        unsafe { asm!("dc cvau, {}", in(reg) line, options(nostack)) };
    }
    // SAFETY: a barrier.
    unsafe { asm!("dsb ish", options(nostack)) };
    for line in (start & !(instruction_line - 1)..end).step_by(instruction_line) {
        // SAFETY: dropping lines of the instruction cache changes no value.
        unsafe { asm!("ic ivau, {}", in(reg) line, options(nostack)) };
    }
    // SAFETY: barriers.
    unsafe { asm!("dsb ish", "isb", options(nostack)) };

    membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE)?;
    membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE)
}

fn membarrier(command: libc::c_int) -> io::Result<()> {
    // SAFETY: the call takes three integers and touches no memory of ours.
    match unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Emits the whole of a naked function through which compiled code calls the host function `$target`,
/// which never switches threads. The host function gets the same parameters, all in registers; the
/// first is a context.
///
/// If the guest runs on a stack of its own, the host function runs on the stack of the thread of the
/// operating system, from [`VMStoreContext::host_sp`] down. Otherwise this is a jump to the host
/// function.
///
/// ```text
///   guest's stack │ … wasm │ exit trampoline │ x30, x29 ◀ x29, guest_sp
///   host's stack  │ … resume_guest │ host_sp ▶ $target …
/// ```
///
/// [`VMStoreContext::host_sp`]: threadline_environ::layout::VMStoreContext::host_sp
macro_rules! call_on_host_stack {
    ($target:path) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            "ldr x9, [x0, {store}]",
            "ldr x10, [x9, {host_sp}]",
            "cbnz x10, 1f",
            "b {target}",
            "1:",
            "stp x29, x30, [sp, -16]!",
            ".cfi_def_cfa_offset 16",
            ".cfi_offset x29, -16",
            ".cfi_offset x30, -8",
            "mov x29, sp",
            ".cfi_def_cfa_register x29",
            "str x29, [x9, {guest_sp}]",
            "mov sp, x10",
            "bl {target}",
            "mov sp, x29",
            "ldp x29, x30, [sp], 16",
            ".cfi_def_cfa sp, 0",
            ".cfi_restore x29",
            ".cfi_restore x30",
            "ret",
            ".cfi_endproc",
            store = const core::mem::offset_of!(threadline_environ::layout::VMHeader, store_context),
            host_sp = const core::mem::offset_of!(threadline_environ::layout::VMStoreContext, host_sp),
            guest_sp = const core::mem::offset_of!(threadline_environ::layout::VMStoreContext, guest_sp),
            target = sym $target,
        )
    };
}
pub(crate) use call_on_host_stack;

/// The same for a host function that may switch threads. All registers that a call preserves are kept
/// on the guest's stack meanwhile, in the order that [`SUSPENDED_WORDS`] tells. The way back loads
/// [`VMStoreContext::guest_sp`], which may be that of another stack by then; the result is for the
/// thread that goes on there.
///
/// [`VMStoreContext::guest_sp`]: threadline_environ::layout::VMStoreContext::guest_sp
macro_rules! call_and_switch {
    ($target:path) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            "ldr x9, [x0, {store}]",
            "ldr x10, [x9, {host_sp}]",
            "cbnz x10, 1f",
            "b {target}",
            "1:",
            "stp x29, x30, [sp, -160]!",
            ".cfi_def_cfa_offset 160",
            ".cfi_offset x29, -160",
            ".cfi_offset x30, -152",
            "mov x29, sp",
            ".cfi_def_cfa_register x29",
            "stp x19, x20, [sp, 16]",
            "stp x21, x22, [sp, 32]",
            "stp x23, x24, [sp, 48]",
            "stp x25, x26, [sp, 64]",
            "stp x27, x28, [sp, 80]",
            "stp d8, d9, [sp, 96]",
            "stp d10, d11, [sp, 112]",
            "stp d12, d13, [sp, 128]",
            "stp d14, d15, [sp, 144]",
            "mov x19, x9",
            "str x29, [x9, {guest_sp}]",
            "mov sp, x10",
            "bl {target}",
            "ldr x9, [x19, {guest_sp}]",
            "mov sp, x9",
            "ldp x19, x20, [sp, 16]",
            "ldp x21, x22, [sp, 32]",
            "ldp x23, x24, [sp, 48]",
            "ldp x25, x26, [sp, 64]",
            "ldp x27, x28, [sp, 80]",
            "ldp d8, d9, [sp, 96]",
            "ldp d10, d11, [sp, 112]",
            "ldp d12, d13, [sp, 128]",
            "ldp d14, d15, [sp, 144]",
            "ldp x29, x30, [sp], 160",
            ".cfi_def_cfa sp, 0",
            ".cfi_restore x29",
            ".cfi_restore x30",
            "ret",
            ".cfi_endproc",
            store = const core::mem::offset_of!(threadline_environ::layout::VMHeader, store_context),
            host_sp = const core::mem::offset_of!(threadline_environ::layout::VMStoreContext, host_sp),
            guest_sp = const core::mem::offset_of!(threadline_environ::layout::VMStoreContext, guest_sp),
            target = sym $target,
        )
    };
}
pub(crate) use call_and_switch;

/// What a stack that is not running has at its `guest_sp`: `x29`, the address to go on at, `x19` to
/// `x28`, and `d8` to `d15`.
const SUSPENDED_WORDS: usize = 20;

/// Bytes from `host_sp` to the `guest_sp` with which the function that set it goes on.
pub(crate) const RESUMER_OFFSET: usize = 0;

/// Makes a fresh stack one that [`switch_to_guest`] begins a call on: the call's function is the word
/// that is passed then. Returns the `guest_sp`.
///
/// # Safety
/// `top` is aligned to 16 bytes and has [`SUSPENDED_WORDS`] writable words below it.
pub(crate) unsafe fn place_call(
    top: *mut u8,
    store: *mut VMStoreContext,
    args: [*mut c_void; 4],
) -> *mut u8 {
    let start: unsafe extern "C" fn() = begin_call;
    let args = args.map(|arg| arg.addr());
    let mut words = [0; SUSPENDED_WORDS];
    words[1] = start as usize;
    words[2] = store.addr();
    words[3..7].copy_from_slice(&args);
    // SAFETY: the caller answers for the room.
    unsafe {
        let sp = top.cast::<[usize; SUSPENDED_WORDS]>().sub(1);
        sp.write(words);
        sp.cast()
    }
}

/// The outermost code on a guest's stack, where backtraces end: makes the call that [`place_call`] was
/// told of, and when it returns, tells [`call_finished`], on the host's stack. What goes on then is
/// what that has put into `guest_sp`.
#[unsafe(naked)]
unsafe extern "C" fn begin_call() {
    core::arch::naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined x30",
        "mov x9, x0",
        "mov x0, x20",
        "mov x1, x21",
        "mov x2, x22",
        "mov x3, x23",
        "blr x9",
        "and w1, w0, 0xff",
        "mov x0, x19",
        "ldr x9, [x19, {host_sp}]",
        "mov sp, x9",
        "bl {finished}",
        "ldr x9, [x19, {guest_sp}]",
        "mov sp, x9",
        "ldp x19, x20, [sp, 16]",
        "ldp x21, x22, [sp, 32]",
        "ldp x23, x24, [sp, 48]",
        "ldp x25, x26, [sp, 64]",
        "ldp x27, x28, [sp, 80]",
        "ldp d8, d9, [sp, 96]",
        "ldp d10, d11, [sp, 112]",
        "ldp d12, d13, [sp, 128]",
        "ldp d14, d15, [sp, 144]",
        "ldp x29, x30, [sp], 160",
        "ret",
        ".cfi_endproc",
        host_sp = const offset_of!(VMStoreContext, host_sp),
        guest_sp = const offset_of!(VMStoreContext, guest_sp),
        finished = sym call_finished,
    )
}

/// Goes on at the store's `guest_sp`, with a word as the result of what was left there, and sets
/// `host_sp`; returns when somebody puts `host_sp` plus [`RESUMER_OFFSET`] into `guest_sp`.
///
/// # Safety
/// `guest_sp` is that of a stack that nobody runs on, as [`call_and_switch`] or [`place_call`] has left
/// it. The store's state is that stack's.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn switch_to_guest(store: *mut VMStoreContext, word: u64) {
    core::arch::naked_asm!(
        ".cfi_startproc",
        "stp x29, x30, [sp, -160]!",
        ".cfi_def_cfa_offset 160",
        ".cfi_offset x29, -160",
        ".cfi_offset x30, -152",
        "mov x29, sp",
        ".cfi_def_cfa_register x29",
        "stp x19, x20, [sp, 16]",
        "stp x21, x22, [sp, 32]",
        "stp x23, x24, [sp, 48]",
        "stp x25, x26, [sp, 64]",
        "stp x27, x28, [sp, 80]",
        "stp d8, d9, [sp, 96]",
        "stp d10, d11, [sp, 112]",
        "stp d12, d13, [sp, 128]",
        "stp d14, d15, [sp, 144]",
        "str x29, [x0, {host_sp}]",
        "ldr x9, [x0, {guest_sp}]",
        "mov sp, x9",
        "mov x0, x1",
        "ldp x19, x20, [sp, 16]",
        "ldp x21, x22, [sp, 32]",
        "ldp x23, x24, [sp, 48]",
        "ldp x25, x26, [sp, 64]",
        "ldp x27, x28, [sp, 80]",
        "ldp d8, d9, [sp, 96]",
        "ldp d10, d11, [sp, 112]",
        "ldp d12, d13, [sp, 128]",
        "ldp d14, d15, [sp, 144]",
        "ldp x29, x16, [sp], 160",
        "br x16",
        ".cfi_endproc",
        host_sp = const offset_of!(VMStoreContext, host_sp),
        guest_sp = const offset_of!(VMStoreContext, guest_sp),
    )
}

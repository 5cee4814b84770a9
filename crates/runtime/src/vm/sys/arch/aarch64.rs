//! aarch64.

use std::arch::asm;
use std::io;
use threadline_fiber::forget_frames_below;

/// Goes on at `pc` with this stack and frame pointer, and a payload in `x0` and `x1`.
///
/// A landing pad, of an entry trampoline or of a wasm function's handler, expects `sp` and `x29`
/// and the payload, which the former has no use for, and nothing else: all it needs, the
/// callee-saved registers of its caller among them, is in its own frame.
///
/// # Safety
/// The three belong to a live frame on this stack, further out than the caller's, and every frame
/// in between can be forgotten.
pub(crate) unsafe fn resume_at(pc: usize, sp: usize, fp: usize, payload: [u64; 2]) -> ! {
    forget_frames_below(sp);
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

//! x86-64.

use std::arch::asm;
use std::io;
use threadline_fiber::forget_frames_below;

/// Goes on at `pc` with this stack and frame pointer, and a payload in `rax` and `rdx`.
///
/// A landing pad, of an entry trampoline or of a wasm function's handler, expects `rsp` and `rbp`
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
            "mov rsp, {sp}",
            "mov rbp, {fp}",
            "jmp {pc}",
            sp = in(reg) sp,
            fp = in(reg) fp,
            pc = in(reg) pc,
            in("rax") payload[0],
            in("rdx") payload[1],
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
            "mov {word}, [{address}]",
            word = out(reg) word,
            address = in(reg) address,
            options(nostack, preserves_flags, readonly),
        );
    }
    word
}

/// The registers that a function finds as its caller left them, as they are now.
#[inline(always)]
pub(crate) fn callee_saved_registers() -> [usize; 6] {
    let mut registers = [0; 6];
    // SAFETY: stores six words to an array of six.
    unsafe {
        asm!(
            "mov [{to}], rbx",
            "mov [{to} + 8], rbp",
            "mov [{to} + 16], r12",
            "mov [{to} + 24], r13",
            "mov [{to} + 32], r14",
            "mov [{to} + 40], r15",
            to = in(reg) registers.as_mut_ptr(),
            options(nostack, preserves_flags),
        );
    }
    registers
}

/// Makes fresh code visible to all processors: nothing to do, instruction fetch is coherent and
/// the pages were not executable before.
#[expect(clippy::unnecessary_wraps, reason = "can fail on other processors")]
pub(crate) fn synchronize_instructions(_code: &[u8]) -> io::Result<()> {
    Ok(())
}

//! x86-64.

use std::arch::asm;
use std::io;

/// Goes on at `pc` with this stack and frame pointer.
///
/// The landing pad of an entry trampoline expects `rsp` and `rbp` and nothing else: all it needs,
/// the callee-saved registers of its caller and a pinned register's old value among them, is in
/// its own frame.
///
/// # Safety
/// The three belong to a live frame on this stack, further out than the caller's, and every frame
/// in between can be forgotten.
pub(crate) unsafe fn resume_at(pc: usize, sp: usize, fp: usize) -> ! {
    // SAFETY: the caller's word.
    unsafe {
        asm!(
            "mov rsp, {sp}",
            "mov rbp, {fp}",
            "jmp {pc}",
            sp = in(reg) sp,
            fp = in(reg) fp,
            pc = in(reg) pc,
            options(noreturn),
        )
    }
}

/// Makes fresh code visible to all processors: nothing to do, instruction fetch is coherent and
/// the pages were not executable before.
#[expect(clippy::unnecessary_wraps, reason = "can fail on other processors")]
pub(crate) fn synchronize_instructions(_code: &[u8]) -> io::Result<()> {
    Ok(())
}

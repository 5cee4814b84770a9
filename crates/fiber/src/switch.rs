//! The switch from stack to stack: the only assembly here, for each kind of processor.
//!
//! ```text
//! top ─▶ │ closure │        placed by `Fiber::new`
//!        │ Root    │        found by everybody who switches from or to the fiber
//!        │ frames  │ ◀───── sp: the address to go on at, and below it in the picture above it
//!                           in memory what a call preserves and compilers won't save for us
//! ```
//!
//! [`switch`] saves on the stack that it leaves what compilers reserve for themselves, the address
//! of its own end, and, at a place of the caller's, the stack pointer. All other registers that a
//! call preserves are declared to be changed, so the compiler saves those that it needs. Who is
//! switched to goes on at the end of the `switch` that it called, or begins in [`start`].
//!
//! *Why a jump.* A processor predicts where a `ret` goes by a stack of its own, which a switch
//! doesn't change. When two fibers switch to each other at the same depth of the same functions,
//! the return addresses are the same ones, so all of them are predicted, if the switch itself
//! neither pushes nor pops there: it jumps. (A switch of `call` and `ret` is right for a fiber that
//! goes back to its resumer, if it is no deeper than that. With eight frames between its resumer
//! and its suspension it costs 25 ns, because all returns of both are mispredicted, and a jump to
//! another such fiber costs 10.) For the same reason [`start`] calls the fiber's body and returns
//! from it.

use core::arch::asm;
use core::mem::offset_of;

/// What everybody knows of a fiber, at the top of its stack.
#[repr(C)]
pub(crate) struct Root {
    /// Where its resumer goes on, while the fiber runs.
    pub(crate) resumer: *mut u8,
    /// Where the resumer wants to be told what became of the fiber.
    pub(crate) reply: *mut (),
    /// Where the fiber goes on, while it is suspended.
    pub(crate) sp: *mut u8,
    /// Where the input of the last resumption is, until it is read.
    pub(crate) input: *const (),
    /// The body: it returns when it is done and has told so.
    pub(crate) entry: unsafe extern "C" fn(*mut Root),
    /// Drops the body if it never runs.
    pub(crate) drop_body: unsafe fn(*mut Root),
    pub(crate) state: State,
    /// Whether all that is on the stack is to be unwound.
    pub(crate) unwinds: bool,
}

/// What a fiber does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Fresh,
    Suspended,
    Running,
    Done,
}

/// Room below a root for what [`place_start`] puts there.
pub(crate) const START_ROOM: usize = 32;

/// Prepares a fresh stack: the stack pointer to switch to for the first time.
///
/// # Safety
/// `root` is aligned to 16 bytes and has [`START_ROOM`] writable bytes below it.
pub(crate) unsafe fn place_start(root: *mut Root) -> *mut u8 {
    let start: unsafe extern "C" fn() = start;
    let address = start as usize;
    // SAFETY: the caller answers for the room.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        {
            let sp = root.cast::<usize>().sub(1);
            sp.write(address);
            sp.cast()
        }
        #[cfg(target_arch = "aarch64")]
        {
            let sp = root.cast::<usize>().sub(4);
            sp.cast::<[usize; 4]>().write([0, address, 0, 0]);
            sp.cast()
        }
    }
}

/// Leaves this stack for another one, until somebody switches back to what this puts at `save`.
///
/// # Safety
/// `save` may be written. `to` is what another `switch` has saved, on a stack that has been left and
/// not been gone on with since, or comes from [`place_start`]. Of the frames on either stack nothing
/// relies on the other's.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) unsafe fn switch(save: *mut *mut u8, to: *mut u8) {
    // SAFETY: the stack is as it was when this goes on, and every register that isn't saved and
    // restored here is declared to be changed.
    unsafe {
        asm!(
            "push rbp",
            "push rbx",
            "lea rax, [rip + 2f]",
            "push rax",
            "mov [rdi], rsp",
            "mov rsp, rsi",
            "pop rax",
            "jmp rax",
            "2:",
            "pop rbx",
            "pop rbp",
            inlateout("rdi") save => _,
            inlateout("rsi") to => _,
            lateout("r12") _, lateout("r13") _, lateout("r14") _, lateout("r15") _,
            clobber_abi("sysv64"),
        );
    }
}

/// See above.
///
/// # Safety
/// See above.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub(crate) unsafe fn switch(save: *mut *mut u8, to: *mut u8) {
    // SAFETY: as above. Of the registers that a call preserves, x19 and x29 are the compiler's own.
    unsafe {
        asm!(
            "adr x30, 2f",
            "sub sp, sp, #32",
            "stp x29, x30, [sp]",
            "str x19, [sp, #16]",
            "mov x9, sp",
            "str x9, [x0]",
            "mov sp, x1",
            "ldp x29, x16, [sp]",
            "ldr x19, [sp, #16]",
            "add sp, sp, #32",
            "br x16",
            "2:",
            inlateout("x0") save => _,
            inlateout("x1") to => _,
            lateout("x20") _, lateout("x21") _, lateout("x22") _, lateout("x23") _,
            lateout("x24") _, lateout("x25") _, lateout("x26") _, lateout("x27") _,
            lateout("x28") _,
            lateout("v8") _, lateout("v9") _, lateout("v10") _, lateout("v11") _,
            lateout("v12") _, lateout("v13") _, lateout("v14") _, lateout("v15") _,
            clobber_abi("C"),
        );
    }
}

/// The outermost frame of a fiber, which backtraces end at: calls its body and, when that returns,
/// goes on as its resumer. The stack pointer is that of its root.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn start() {
    core::arch::naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "xor ebp, ebp",
        "mov rdi, rsp",
        "call [rsp + {entry}]",
        "mov rsp, [rsp + {resumer}]",
        "pop rax",
        "jmp rax",
        ".cfi_endproc",
        entry = const offset_of!(Root, entry),
        resumer = const offset_of!(Root, resumer),
    );
}

/// See above.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn start() {
    core::arch::naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined x30",
        "mov x29, xzr",
        "mov x0, sp",
        "ldr x9, [sp, #{entry}]",
        "blr x9",
        "ldr x9, [sp, #{resumer}]",
        "mov sp, x9",
        "ldp x29, x16, [sp]",
        "ldr x19, [sp, #16]",
        "add sp, sp, #32",
        "br x16",
        ".cfi_endproc",
        entry = const offset_of!(Root, entry),
        resumer = const offset_of!(Root, resumer),
    );
}

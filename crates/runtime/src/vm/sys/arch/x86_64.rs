//! x86-64.

use super::super::super::stack_switch::call_finished;
use std::arch::asm;
use std::ffi::c_void;
use std::io;
use std::mem::offset_of;
use threadline_environ::layout::VMStoreContext;

/// Goes on at `pc` with this stack and frame pointer, and a payload in `rax` and `rdx`.
///
/// A landing pad, of an entry trampoline or of a wasm function's handler, expects `rsp` and `rbp`
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

/// Emits the whole of a naked function through which compiled code calls the host function `$target`,
/// which never switches threads. The host function gets the same parameters, all in registers; the
/// first is a context.
///
/// If the guest runs on a stack of its own, the host function runs on the stack of the thread of the
/// operating system, from [`VMStoreContext::host_sp`] down:
///
/// ```text
///   guest's stack │ … wasm │ exit trampoline │ return address │ rbp ◀ rbp, guest_sp
///   host's stack  │ … resume_guest │ host_sp ▶ return address │ $target …
/// ```
///
/// Otherwise it is a jump to the host function.
///
/// [`VMStoreContext::host_sp`]: threadline_environ::layout::VMStoreContext::host_sp
macro_rules! call_on_host_stack {
    ($target:path) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            "mov rax, [rdi + {store}]",
            "mov r10, [rax + {host_sp}]",
            "test r10, r10",
            "jz {target}",
            "push rbp",
            ".cfi_def_cfa_offset 16",
            ".cfi_offset rbp, -16",
            "mov rbp, rsp",
            ".cfi_def_cfa_register rbp",
            "mov [rax + {guest_sp}], rsp",
            "mov rsp, r10",
            "call {target}",
            "mov rsp, rbp",
            "pop rbp",
            ".cfi_def_cfa rsp, 8",
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

/// The same for a host function that may switch threads. If [`VMStoreContext::guest_sp`] is another
/// one when the host function returns, the registers that a call preserves, which are the guest's own again,
/// are kept on the guest's stack, in the order that [`SUSPENDED_WORDS`] tells, and those of the other
/// stack are loaded. The result is for the thread that goes on there.
///
/// [`VMStoreContext::guest_sp`]: threadline_environ::layout::VMStoreContext::guest_sp
macro_rules! call_and_switch {
    ($target:path) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            "mov rax, [rdi + {store}]",
            "mov r10, [rax + {host_sp}]",
            "test r10, r10",
            "jz {target}",
            "push rbp",
            ".cfi_def_cfa_offset 16",
            ".cfi_offset rbp, -16",
            "mov rbp, rsp",
            ".cfi_def_cfa_register rbp",
            "push rbx",
            "lea r11, [rbp - 40]",
            "mov rbx, rax",
            "mov [rax + {guest_sp}], r11",
            "mov rsp, r10",
            "call {target}",
            "mov rcx, [rbx + {guest_sp}]",
            "lea rdx, [rbp - 40]",
            "cmp rcx, rdx",
            "jne 2f",
            "lea rsp, [rbp - 8]",
            "pop rbx",
            "pop rbp",
            "ret",
            "2:",
            "mov [rbp - 16], r12",
            "mov [rbp - 24], r13",
            "mov [rbp - 32], r14",
            "mov [rbp - 40], r15",
            "mov rsp, rcx",
            "pop r15",
            "pop r14",
            "pop r13",
            "pop r12",
            "pop rbx",
            "pop rbp",
            "pop rcx",
            "jmp rcx",
            ".cfi_endproc",
            store = const core::mem::offset_of!(threadline_environ::layout::VMHeader, store_context),
            host_sp = const core::mem::offset_of!(threadline_environ::layout::VMStoreContext, host_sp),
            guest_sp = const core::mem::offset_of!(threadline_environ::layout::VMStoreContext, guest_sp),
            target = sym $target,
        )
    };
}
pub(crate) use call_and_switch;

/// What a stack that is not running has at its `guest_sp`: six registers (`r15`, `r14`, `r13`, `r12`,
/// `rbx`, `rbp`), and the address to go on at.
const SUSPENDED_WORDS: usize = 7;

/// Bytes from `host_sp` to the `guest_sp` with which the function that set it goes on.
pub(crate) const RESUMER_OFFSET: usize = 8;

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
    let [vmctx, code, values, record] = args.map(|arg| arg.addr());
    // SAFETY: the caller answers for the room.
    unsafe {
        let sp = top.cast::<[usize; SUSPENDED_WORDS]>().sub(1);
        sp.write([record, values, code, vmctx, store.addr(), 0, start as usize]);
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
        ".cfi_undefined rip",
        "mov rcx, r15",
        "mov rdx, r14",
        "mov rsi, r13",
        "mov rdi, r12",
        "call rax",
        "mov rdi, rbx",
        "movzx esi, al",
        "mov rsp, [rbx + {host_sp}]",
        "call {finished}",
        "mov rsp, [rbx + {guest_sp}]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
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
        "push rbp",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset rbp, -16",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "mov [rdi + {host_sp}], rsp",
        "mov rax, rsi",
        "mov rsp, [rdi + {guest_sp}]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "pop rcx",
        "jmp rcx",
        ".cfi_endproc",
        host_sp = const offset_of!(VMStoreContext, host_sp),
        guest_sp = const offset_of!(VMStoreContext, guest_sp),
    )
}

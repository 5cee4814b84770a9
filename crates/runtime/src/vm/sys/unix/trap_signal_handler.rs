//! Turns faults of compiled code into traps.
//!
//! One handler for SIGSEGV, SIGBUS, SIGILL and SIGFPE, installed once in a process. A fault is
//! ours if the kernel raised it, this thread is in wasm, and the image loaded at the fault's
//! address lists that very instruction as one that traps. Then the handler records the trap and
//! its frames in the store and edits the interrupted registers, so that the thread goes on at the
//! landing pad of its innermost entry. Any other fault goes to whoever handled it before.
//!
//! The handler allocates nothing; see the registry for why its lock cannot deadlock here.

use super::super::super::activation;
use super::super::super::store_state::{Failure, StoreCells};
use super::fault_message;
use crate::code::registry;
use std::ffi::{c_int, c_void};
use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::{Once, OnceLock};

/// The signals that faults of compiled code come as.
const SIGNALS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// What each of [`SIGNALS`] did before us.
static PREVIOUS: [OnceLock<libc::sigaction>; SIGNALS.len()] =
    [const { OnceLock::new() }; SIGNALS.len()];

/// Installs the handler, once.
pub(crate) fn install() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        for (&signal, previous) in SIGNALS.iter().zip(&PREVIOUS) {
            install_for(signal, previous);
        }
    });
}

fn install_for(signal: c_int, previous: &OnceLock<libc::sigaction>) {
    let mut before = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: `sigaction` fills in `before`, or returns an error. The handler has the signature
    // that SA_SIGINFO asks for; what it needs (`previous`) is set before it is installed.
    let installed = unsafe {
        let mut ours: libc::sigaction = mem::zeroed();
        ours.sa_sigaction = handle as *const () as usize;
        // On the signal stack: the thread's own may be all but used up.
        ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigemptyset(&mut ours.sa_mask);
        libc::sigaction(signal, ptr::null(), before.as_mut_ptr()) == 0 && {
            previous.get_or_init(|| before.assume_init());
            libc::sigaction(signal, &ours, ptr::null_mut()) == 0
        }
    };
    assert!(installed, "a handler can be installed for a valid signal");
}

/// # Safety
/// Called by the kernel only.
unsafe extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes valid pointers. The rest is passed on.
    unsafe {
        let registers = &mut *context.cast::<libc::ucontext_t>();
        if from_fault(&*info) {
            if recover(registers) {
                return;
            }
            if signal == libc::SIGSEGV {
                fault_message::explain((*info).si_addr().addr(), activation::current());
            }
        }
        pass_on(signal, info, context);
    }
}

/// Whether the kernel raised the signal for an instruction, not somebody with `kill`.
fn from_fault(info: &libc::siginfo_t) -> bool {
    info.si_code > 0
}

/// If the interrupted instruction is a trap of compiled code: records it, and has the thread go
/// on at its entry's landing pad.
///
/// # Safety
/// `registers` are those of this thread, interrupted by a fault.
unsafe fn recover(registers: &mut libc::ucontext_t) -> bool {
    let context = activation::current();
    let (pc, fp) = (pc(registers), fp(registers));
    if context.is_null() {
        return false;
    }
    let Some(code) = registry::trap_at_signal(pc) else {
        return false;
    };
    // SAFETY: the activation names a store that this thread entered and has not left, and `pc`
    // shows that it is compiled code which was interrupted, so nothing else uses the cells now,
    // and there is an entry whose trampoline has filled in the record. Trapping instructions come
    // after their function's prologue, so `fp` is that function's frame.
    unsafe {
        let entry = (*context).entry;
        if entry.is_null() {
            return false;
        }
        let cells = StoreCells::of(context);
        (*cells).frames.capture_fault(context, pc, fp);
        if (*cells).pending.is_none() {
            (*cells).pending = Some(Failure::Trap(code));
        }
        set_registers(
            registers,
            (*entry).handler_pc,
            (*entry).handler_sp,
            (*entry).handler_fp,
        );
    }
    true
}

/// Lets whoever handled the signal before us handle this one.
///
/// # Safety
/// The arguments are those the kernel gave us.
unsafe fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let previous = SIGNALS
        .iter()
        .position(|&s| s == signal)
        .and_then(|i| PREVIOUS[i].get());
    // SAFETY: a previous action that is neither default nor ignore is a function of the signature
    // that its flags say, and expects what the kernel passed. The other calls take integers and
    // a valid action.
    unsafe {
        let Some(previous) = previous else {
            libc::abort();
        };
        let fault = from_fault(&*info);
        match previous.sa_sigaction {
            // The kernel ignores no fault; without us, the same instruction ends the process.
            libc::SIG_IGN if !fault => {}
            libc::SIG_DFL | libc::SIG_IGN => {
                libc::sigaction(signal, previous, ptr::null_mut());
                if !fault {
                    // Stays pending until this handler returns.
                    libc::raise(signal);
                }
            }
            handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
                mem::transmute::<
                    usize,
                    unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void),
                >(handler)(signal, info, context);
            }
            handler => mem::transmute::<usize, unsafe extern "C" fn(c_int)>(handler)(signal),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn pc(registers: &libc::ucontext_t) -> usize {
    registers.uc_mcontext.gregs[libc::REG_RIP as usize] as usize
}

#[cfg(target_arch = "x86_64")]
fn fp(registers: &libc::ucontext_t) -> usize {
    registers.uc_mcontext.gregs[libc::REG_RBP as usize] as usize
}

#[cfg(target_arch = "x86_64")]
fn set_registers(registers: &mut libc::ucontext_t, pc: usize, sp: usize, fp: usize) {
    let registers = &mut registers.uc_mcontext.gregs;
    registers[libc::REG_RIP as usize] = pc as i64;
    registers[libc::REG_RSP as usize] = sp as i64;
    registers[libc::REG_RBP as usize] = fp as i64;
}

#[cfg(target_arch = "aarch64")]
fn pc(registers: &libc::ucontext_t) -> usize {
    registers.uc_mcontext.pc as usize
}

#[cfg(target_arch = "aarch64")]
fn fp(registers: &libc::ucontext_t) -> usize {
    registers.uc_mcontext.regs[29] as usize
}

#[cfg(target_arch = "aarch64")]
fn set_registers(registers: &mut libc::ucontext_t, pc: usize, sp: usize, fp: usize) {
    let registers = &mut registers.uc_mcontext;
    registers.pc = pc as u64;
    registers.sp = sp as u64;
    registers.regs[29] = fp as u64;
}

//! Faults that are none of ours, each in a process of its own: the test binary runs itself again.

use super::machine_code::Code;
use super::{Guest, trap_of};
use crate::trap::Trap;
use std::ffi::{c_int, c_void};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::ptr;

const CHILD: &str = "THREADLINE_TEST_CHILD";

/// In the parent: runs the test named `name` again as a child, and says how that ended. In the
/// child: runs `body`.
fn in_child(name: &str, body: impl FnOnce()) -> Option<ExitStatus> {
    if std::env::var_os(CHILD).is_some_and(|child| child == name) {
        // Dying is the point; don't leave a dump of it.
        let none = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: a valid limit.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
        body();
        std::process::exit(0);
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg(format!("vm::tests::faults_outside_wasm::{name}"))
        .env(CHILD, name)
        .output()
        .unwrap();
    Some(output.status)
}

fn read_null() {
    let address: *const u32 = ptr::without_provenance(std::hint::black_box(8));
    // SAFETY: it is not; the process is meant to die of it.
    std::hint::black_box(unsafe { address.read_volatile() });
}

fn trap_once(guest: &Guest) {
    assert_eq!(
        trap_of(guest.call(Code::Divide, [1, 0])),
        Trap::IntegerDivisionByZero
    );
}

#[test]
fn a_fault_of_the_host_kills_the_process() {
    let status = in_child("a_fault_of_the_host_kills_the_process", || {
        let guest = Guest::without_imports();
        trap_once(&guest);
        read_null();
    });
    assert_eq!(status.unwrap().signal(), Some(libc::SIGSEGV));
}

#[test]
fn a_fault_of_a_host_function_kills_the_process() {
    let status = in_child("a_fault_of_a_host_function_kills_the_process", || {
        let guest = Guest::new(|_| {
            read_null();
            Ok(())
        });
        let _ = guest.call(Code::Outer, [0, 0]);
    });
    assert_eq!(status.unwrap().signal(), Some(libc::SIGSEGV));
}

#[test]
fn a_fault_of_compiled_code_that_is_no_declared_trap_kills_the_process() {
    let status = in_child(
        "a_fault_of_compiled_code_that_is_no_declared_trap_kills_the_process",
        || {
            let guest = Guest::without_imports();
            let word = 0_u64;
            let _ = guest.call(Code::Load, [(&raw const word).addr() as u64, 8]);
        },
    );
    assert_eq!(status.unwrap().signal(), Some(libc::SIGSEGV));
}

#[test]
fn a_signal_from_another_process_is_no_trap() {
    let status = in_child("a_signal_from_another_process_is_no_trap", || {
        // SAFETY: the default action is always there. (The standard library's handler takes
        // every signal for a fault, and waits for it to come again.)
        unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
        let guest = Guest::new(|_| {
            // SAFETY: sends this process a signal.
            unsafe { libc::raise(libc::SIGSEGV) };
            Ok(())
        });
        let _ = guest.call(Code::Outer, [0, 0]);
    });
    assert_eq!(status.unwrap().signal(), Some(libc::SIGSEGV));
}

#[test]
fn a_stack_overflow_of_the_host_still_reaches_its_own_handler() {
    let status = in_child(
        "a_stack_overflow_of_the_host_still_reaches_its_own_handler",
        || {
            #[expect(unconditional_recursion, reason = "that is the point")]
            fn recurse(n: u64) -> u64 {
                std::hint::black_box(recurse(std::hint::black_box(n + 1))) + 1
            }
            let guest = Guest::without_imports();
            trap_once(&guest);
            recurse(0);
        },
    );
    // The standard library's handler tells the user and aborts.
    assert_eq!(status.unwrap().signal(), Some(libc::SIGABRT));
}

#[test]
fn a_handler_that_was_there_before_gets_the_faults_that_are_not_ours() {
    unsafe extern "C" fn leave(_: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
        // SAFETY: the kernel's pointer, passed through.
        unsafe { libc::_exit((*info).si_addr().addr() as c_int + 34) }
    }
    let status = in_child(
        "a_handler_that_was_there_before_gets_the_faults_that_are_not_ours",
        || {
            // SAFETY: a valid handler that only exits.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = leave as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO;
                libc::sigaction(libc::SIGSEGV, &action, ptr::null_mut());
            }
            let guest = Guest::without_imports();
            trap_once(&guest);
            read_null();
        },
    );
    assert_eq!(status.unwrap().code(), Some(42));
}

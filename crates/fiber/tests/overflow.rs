//! What is written below a stack hits the guard, and the guard faults.
//!
//! The overflow happens in a child process: this test binary, run again with an
//! environment variable that says which kind of guard to run into.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::sync::OnceLock;

use threadline_fiber::{GuardMethod, PoolConfig, Stack, StackPool};

const CHILD: &str = "THREADLINE_FIBER_OVERFLOW";

/// The pool that the child's signal handler asks.
static POOL: OnceLock<StackPool> = OnceLock::new();

#[test]
fn overflowing_a_lightweight_guard_is_a_fault() {
    if GuardMethod::detect() == GuardMethod::Protect {
        println!("skipped: this kernel has no MADV_GUARD_INSTALL (Linux 6.13)");
        return;
    }
    overflow(
        "overflowing_a_lightweight_guard_is_a_fault",
        GuardMethod::Lightweight,
    );
}

#[test]
fn overflowing_a_protected_guard_is_a_fault() {
    overflow(
        "overflowing_a_protected_guard_is_a_fault",
        GuardMethod::Protect,
    );
}

#[test]
fn a_handler_can_tell_an_overflow_from_other_faults() {
    let name = "a_handler_can_tell_an_overflow_from_other_faults";
    if std::env::var_os(CHILD).is_some() {
        child_with_handler();
    }
    let output = run_child(name);
    assert_eq!(output.status.code(), Some(42), "{output:?}");
}

/// In the parent: checks that the child dies of the right signal. In the child:
/// doesn't return.
fn overflow(name: &str, guard: GuardMethod) {
    if std::env::var_os(CHILD).is_some() {
        child(guard);
    }
    let output = run_child(name);
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("about to overflow"),
        "the child got that far: {stderr}"
    );
    assert!(!stderr.contains("survived"), "{stderr}");
}

fn run_child(name: &str) -> Output {
    let binary = std::env::current_exe().expect("a test binary knows its path");
    Command::new(binary)
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .expect("a test binary can be run again")
}

fn child(guard: GuardMethod) -> ! {
    let config = PoolConfig {
        guard: Some(guard),
        ..PoolConfig::default()
    };
    let pool = StackPool::new(&config).expect("the configuration is valid");
    // The neighbour below is in use, so nothing but the guard is in the way.
    let _below = pool.acquire().expect("below the maximum");
    let stack = pool.acquire().expect("below the maximum");
    complain("about to overflow");
    overrun(&stack);
    complain("survived");
    std::process::exit(0);
}

/// Overflows with a handler installed that asks the pool about the address.
fn child_with_handler() -> ! {
    extern "C" fn on_fault(_: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the kernel passes a valid `siginfo_t`, which for SIGSEGV holds
        // an address.
        let addr = unsafe { (*info).si_addr() }.addr();
        let is_guard = POOL.get().is_some_and(|pool| pool.is_guard(addr));
        // SAFETY: ends the process, with nothing run on the way.
        unsafe { libc::_exit(if is_guard { 42 } else { 1 }) }
    }
    let pool = StackPool::new(&PoolConfig::default()).expect("the configuration is valid");
    let stack = pool.acquire().expect("below the maximum");
    assert!(POOL.set(pool).is_ok());
    // SAFETY: the handler only calls functions that a signal handler may call,
    // and it has a stack of its own: Rust's test threads have one installed. All
    // zeros is a valid `sigaction`.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = on_fault;
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        assert_eq!(
            libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut()),
            0
        );
    }
    overrun(&stack);
    std::process::exit(0);
}

/// Writes to a stack from its top to its end and beyond, as frames do that touch every page.
fn overrun(stack: &Stack) {
    let bounds = stack.bounds();
    for address in (bounds.limit.get() - 64..bounds.top.get())
        .step_by(64)
        .rev()
    {
        // SAFETY: the stack is this function's alone; below it the write faults, as it is meant to.
        unsafe { std::ptr::with_exposed_provenance_mut::<u8>(address).write_volatile(1) };
    }
}

fn complain(text: &str) {
    writeln!(std::io::stderr(), "{text}").expect("the parent reads standard error");
}

//! Fibers with a frame on their stack that has no unwind information, as
//! generated code may leave there.
#![cfg(target_arch = "x86_64")]

use std::ffi::c_void;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::ptr::NonNull;

use threadline_fiber::{Fiber, PoolConfig, StackPool, Step, Suspender};

const CHILD: &str = "THREADLINE_FIBER_FOREIGN_FRAMES";

// Calls its second argument (rsi) with its first (rdi), from a frame that is well
// formed but, there being no `.cfi` directives, unknown to the unwinder.
std::arch::global_asm!(
    ".text",
    ".globl threadline_fiber_test_call_through",
    "threadline_fiber_test_call_through:",
    "push rbp",
    "mov rbp, rsp",
    "call rsi",
    "pop rbp",
    "ret",
);

unsafe extern "C-unwind" {
    #[link_name = "threadline_fiber_test_call_through"]
    fn call_through(
        suspender: NonNull<c_void>,
        callee: unsafe extern "C-unwind" fn(NonNull<c_void>) -> u32,
    ) -> u32;
}

/// Suspends the fiber that the suspender belongs to. It is allowed to unwind, so
/// that nothing but the foreign frame stops that.
unsafe extern "C-unwind" fn suspend(suspender: NonNull<c_void>) -> u32 {
    // SAFETY: `fiber` below passes the suspender of the running fiber, which has
    // these types.
    unsafe { Suspender::<u32, ()>::from_raw(suspender) }.suspend(())
}

/// A fiber that suspends once, from below a foreign frame.
fn fiber(pool: &StackPool) -> Fiber<u32, (), u32> {
    let stack = pool.acquire().expect("a test needs few stacks");
    Fiber::new(stack, |suspender, first| {
        // SAFETY: `suspend` is handed the suspender it expects, and returns
        // normally or never.
        first + unsafe { call_through(suspender.into_raw(), suspend) }
    })
}

fn pool() -> StackPool {
    StackPool::new(&PoolConfig::default()).expect("the default configuration is valid")
}

#[test]
fn a_fiber_suspends_and_resumes_below_a_foreign_frame() {
    let mut fiber = fiber(&pool());
    assert_eq!(fiber.resume(1), Step::Suspended(()));
    assert_eq!(fiber.resume(2), Step::Finished(3));
}

#[test]
fn a_fiber_with_a_foreign_frame_can_be_abandoned() {
    let pool = pool();
    let mut fiber = fiber(&pool);
    fiber.resume(1);
    // SAFETY: nothing on the stack has a destructor or is pointed to.
    let stack = unsafe { fiber.abandon() };
    // The stack is as good as any other.
    let mut next: Fiber<u32, (), u32> = Fiber::new(stack, |_, input| input + 1);
    assert_eq!(next.resume(1), Step::Finished(2));
}

#[test]
fn dropping_a_fiber_suspended_below_a_foreign_frame_aborts() {
    if std::env::var_os(CHILD).is_some() {
        let mut fiber = fiber(&pool());
        fiber.resume(1);
        drop(fiber);
        std::process::exit(0);
    }
    let binary = std::env::current_exe().unwrap();
    let output = Command::new(binary)
        .args([
            "--nocapture",
            "--exact",
            "dropping_a_fiber_suspended_below_a_foreign_frame_aborts",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("failed to initiate panic"), "{stderr}");
}

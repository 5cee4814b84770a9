//! Faults that are none of ours, each in a process of its own: the test binary runs itself again.

use super::machine_code::Code;
use super::{Guest, trap_of};
use crate::trap::Trap;
use std::ffi::{c_int, c_void};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Output};
use std::ptr;

const CHILD: &str = "THREADLINE_TEST_CHILD";

/// In the parent: runs the test named `name` again as a child, and says how that ended. In the
/// child: runs `body`.
fn in_child(name: &str, body: impl FnOnce()) -> Option<ExitStatus> {
    Some(output_of_child(name, body).status)
}

/// The same, with what the child has written.
fn output_of_child(name: &str, body: impl FnOnce()) -> Output {
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
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg(format!("vm::tests::faults_outside_wasm::{name}"))
        .env(CHILD, name)
        .output()
        .unwrap()
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

/// Runs `body` in a child, and says what that wrote to standard error.
fn complaint_of_child(name: &str, body: impl FnOnce()) -> String {
    let output = output_of_child(name, body);
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Writes to an address that the process may not write to.
fn write_to(address: usize) {
    // SAFETY: it is not; the process is meant to die of it.
    unsafe { ptr::without_provenance_mut::<u8>(address).write_volatile(1) };
}

#[test]
fn a_fault_beyond_a_memory_says_so() {
    let text = complaint_of_child("a_fault_beyond_a_memory_says_so", || {
        let engine = crate::Engine::default();
        let module = crate::Module::new(
            &engine,
            r#"(module (import "" "f" (func $f)) (memory (export "m") 1) (func (export "g") (call $f)))"#,
        )
        .unwrap();
        let mut linker = crate::Linker::new(&engine);
        linker
            .func_wrap("", "f", |mut caller: crate::Caller<'_, ()>| {
                let memory = caller.get_export("m").unwrap().into_memory().unwrap();
                write_to(memory.data(&caller).as_ptr().addr() + (1 << 20));
            })
            .unwrap();
        let mut store = crate::Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let g = instance.get_typed_func::<(), ()>(&mut store, "g").unwrap();
        g.call(&mut store, ()).unwrap();
    });
    assert!(text.contains("a linear memory, beyond its end"), "{text}");
}

#[test]
fn a_fault_below_the_threads_stack_says_so() {
    let output = output_of_child("a_fault_below_the_threads_stack_says_so", || {
        let guest = Guest::without_imports();
        trap_once(&guest);
        // Some C libraries count the guard as part of the stack, so the end is known to a page.
        write_to(crate::vm::sys::thread_stack().low - crate::vm::page_size() - 8);
    });
    // The standard library's handler speaks as well, and aborts.
    let signal = output.status.signal();
    assert_eq!(signal, Some(libc::SIGABRT), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("Config::max_wasm_stack"), "{text}");
}

#[test]
fn a_fault_below_a_guests_stack_says_so() {
    let text = complaint_of_child("a_fault_below_a_guests_stack_says_so", || {
        let engine = crate::Engine::default();
        let module = crate::Module::new(
            &engine,
            r#"(module (import "" "f" (func $f)) (func (export "g") (call $f)))"#,
        )
        .unwrap();
        let mut linker = crate::Linker::new(&engine);
        linker
            .func_wrap("", "f", |caller: crate::Caller<'_, ()>| {
                let context = crate::AsContext::as_context(&caller)
                    .0
                    .opaque
                    .vm()
                    .context_ptr();
                // SAFETY: the store's guest has called this.
                let limit = unsafe { crate::vm::stack_switch::running_stack_limit(context) };
                write_to(limit.unwrap() - 8);
            })
            .unwrap();
        let mut store = crate::Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let g = instance.get_typed_func::<(), ()>(&mut store, "g").unwrap();
        let mut call = std::pin::pin!(g.call_async(&mut store, ()));
        let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
        let _ = call.as_mut().poll(cx);
    });
    assert!(text.contains("the guard below a guest's stack"), "{text}");
}

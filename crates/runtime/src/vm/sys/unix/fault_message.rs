//! Says on standard error what a fault was that is about to end the process, if it was on a guard.
//!
//! A guard is address space that nothing may touch. A guest can't reach one but by a trap that is listed,
//! so every other fault there is the host's: too deep a recursion, or a bug. All of this runs in a signal
//! handler: it allocates nothing and takes no lock.

use super::super::super::{core_instance, stack_switch};
use super::page_size;
use super::stack::known_thread_stack;
use std::ops::Range;
use threadline_environ::layout::VMStoreContext;

/// How far below the end of a thread's stack an access is taken for an overflow of it.
const BELOW_STACK: usize = 64 << 10;

/// Says what is at an address where this thread has faulted, if it is a guard.
///
/// # Safety
/// `context` is null or that of the store that this thread is in.
pub(super) unsafe fn explain(address: usize, context: *mut VMStoreContext) {
    // SAFETY: the caller's word.
    let Some(kind) = (unsafe { kind_of(address, context) }) else {
        return;
    };
    let mut text = Text::new();
    text.add(b"threadline: fault at address 0x");
    text.add_hex(address);
    text.add(b": ");
    text.add(kind.as_bytes());
    text.add(b"\n");
    text.write();
}

/// # Safety
/// As for [`explain`].
unsafe fn kind_of(address: usize, context: *mut VMStoreContext) -> Option<&'static str> {
    if let Some(stack) = known_thread_stack()
        && (stack.low.saturating_sub(BELOW_STACK)..stack.low).contains(&address)
    {
        return Some(
            "the guard below the stack of this thread of the operating system. A host function used \
             more stack than wasm leaves to it: give the thread a larger stack, or wasm a smaller \
             share (`Config::max_wasm_stack`)",
        );
    }
    if context.is_null() {
        return None;
    }
    // SAFETY: the caller's word.
    if let Some(limit) = unsafe { stack_switch::running_stack_limit(context) } {
        let guard: Range<usize> = limit.saturating_sub(page_size())..limit;
        if guard.contains(&address) {
            return Some(
                "the guard below a guest's stack. Compiled code used more of it than its limit \
                 allows, which is a bug in the compiler or in a signal handler that runs on the \
                 interrupted stack",
            );
        }
    }
    // SAFETY: the caller's word.
    match unsafe { core_instance::is_in_memory_of(context, address) } {
        true => Some(
            "in the address space of a linear memory, beyond its end. The host accessed it without \
             checking the address, which is a bug in the runtime or in a host function that uses \
             pointers",
        ),
        false => None,
    }
}

/// A message, made without allocating.
struct Text {
    bytes: [u8; 512],
    length: usize,
}

impl Text {
    fn new() -> Text {
        Text {
            bytes: [0; 512],
            length: 0,
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = &mut self.bytes[self.length..];
        let count = bytes.len().min(room.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.length += count;
    }

    fn add_hex(&mut self, number: usize) {
        let digits = (usize::BITS - number.leading_zeros()).div_ceil(4).max(1);
        for digit in (0..digits).rev() {
            self.add(&[b"0123456789abcdef"[number >> (4 * digit) & 15]]);
        }
    }

    fn write(&self) {
        // SAFETY: writes bytes of `self`; `write` may be called by signal handlers.
        unsafe {
            libc::write(libc::STDERR_FILENO, self.bytes.as_ptr().cast(), self.length);
        }
    }
}

//! What is left of the stack of the operating system's thread, for code of the host that recurses as deep as
//! a guest's types and values are nested.
//!
//! Wasm is called only where its own frames and a reserve for the host fit. How deep the host recurses
//! below that is for the guest to choose, within what validation allows; so such code asks at each level.

use super::sys;

/// Bytes that a level of recursion may rely on: for its own frame, for the one value in it that doesn't
/// recurse, and for making an error. Frames of a debug build are several times as large.
const RESERVE: usize = if cfg!(debug_assertions) {
    32 << 10
} else {
    12 << 10
};

/// The address down to which the running thread's stack may be used by code that recurses.
///
/// A value is of one thread: it must not be kept where another thread may go on.
#[derive(Copy, Clone, Debug)]
pub(crate) struct StackFloor(usize);

impl StackFloor {
    /// Returns one that is found out when it is first needed.
    pub(crate) const fn unknown() -> StackFloor {
        StackFloor(usize::MAX)
    }

    /// Returns whether there is stack for another level.
    #[inline]
    pub(crate) fn allows_more(&mut self) -> bool {
        let here = 0u8;
        let at = (&raw const here).addr();
        at > self.0 || self.finds_more(at)
    }

    /// The same where the floor may still be unknown.
    #[cold]
    #[inline(never)]
    fn finds_more(&mut self, at: usize) -> bool {
        self.0 = sys::thread_stack().low.saturating_add(RESERVE);
        at > self.0
    }
}

#[cfg(test)]
mod tests {
    use super::StackFloor;

    /// Goes down until there is no more stack; how far that is below `top`, in bytes.
    #[inline(never)]
    fn depth(floor: &mut StackFloor, top: usize, page: [u8; 1024]) -> usize {
        let page = std::hint::black_box(page);
        match floor.allows_more() {
            true => std::hint::black_box(depth(floor, top, page)),
            false => top - (&raw const page).addr(),
        }
    }

    #[test]
    fn recursion_ends_before_the_stack_does_whatever_its_size() {
        // On aarch64, no thread has less than the first by default.
        for size in [128 << 10, 256 << 10, 1 << 20] {
            let thread = std::thread::Builder::new().stack_size(size);
            let thread = thread.spawn(|| {
                let top = 0u8;
                let top = (&raw const top).addr();
                // It may be larger than was asked for: that of a thread that has ended.
                let size = crate::vm::sys::thread_stack().size;
                (depth(&mut StackFloor::unknown(), top, [0; 1024]), size)
            });
            let (depth, size) = thread.unwrap().join().unwrap();
            assert!(depth > size / 2 && depth < size, "{depth} of {size}");
        }
    }
}

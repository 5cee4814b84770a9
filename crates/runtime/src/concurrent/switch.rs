//! The one place that saves and restores what a guest thread owns of its component's contexts.
//!
//! Every guest thread (`Thread` in `CanonicalABI.md`) has two context slots. While it runs they
//! are in the block of its component's contexts, where compiled code reads and writes them; while
//! it does not, they are in its [`ThreadState`]. A field added to [`ThreadState`] and to its [`enter`]
//! and [`leave`] is the only way to give threads more state of their own.
//!
//! Invariants:
//! 1. The running copy belongs to the thread that is current, always.
//! 2. Of the two copies exactly one is alive. Debug builds fill the dead one with
//!    [`CONTEXT_POISON`] and assert that it is still filled when it comes to life.
//! 3. A thread that ends is left by [`exit_to`], which loads the next one and saves nothing.
//!
//! A call into a component instance is a new implicit thread whose slots start at zero, and the
//! caller's come back afterwards, however the call ends: that is a [`ThreadScope`]. Several calls
//! that share one thread (a lifted function and its `post-return`) go in one scope.
//!
//! A thread with a stack of its own also owns, while that stack is not the running one, what the
//! stack has in `VMStoreContext`: its [`StackState`]. Both are in a [`FiberState`], and a
//! [`Resumed`] swaps both.
//!
//! Compiled adapters do the same for calls between guests, in code that the compiler emits.
//!
//! [`enter`]: ThreadState::enter
//! [`leave`]: ThreadState::leave

use crate::vm::FiberRecord;
use threadline_environ::CONTEXT_SLOTS;
use threadline_environ::layout::{CONTEXT_POISON, ContextSlots, VMEntryRecord};

/// Something that can get at the running copy of the slots: a component instance in its store.
pub(crate) trait RunningSlots {
    /// What `VMHeader::context` of the component's contexts points to.
    fn slots(&mut self) -> &mut ContextSlots;
}

/// What a guest thread that is not running owns.
#[derive(Debug)]
pub(crate) struct ThreadState {
    context: ContextSlots,
}

impl ThreadState {
    /// A thread that has not run yet: its slots are zero.
    pub(crate) fn new() -> ThreadState {
        ThreadState {
            context: [0; CONTEXT_SLOTS as usize],
        }
    }

    /// A place for the state of a thread that runs now.
    fn of_running() -> ThreadState {
        ThreadState {
            context: [CONTEXT_POISON; CONTEXT_SLOTS as usize],
        }
    }

    /// Makes this thread's copy the running one. What the running copy held is gone.
    fn enter(&mut self, running: &mut ContextSlots) {
        *running = self.context;
        if cfg!(debug_assertions) {
            self.context = [CONTEXT_POISON; CONTEXT_SLOTS as usize];
        }
    }

    /// Takes the running copy into this thread's own.
    fn leave(&mut self, running: &mut ContextSlots) {
        debug_assert_eq!(
            self.context, [CONTEXT_POISON; CONTEXT_SLOTS as usize],
            "the saved slots of a thread that runs are dead"
        );
        self.context = *running;
        if cfg!(debug_assertions) {
            *running = [CONTEXT_POISON; CONTEXT_SLOTS as usize];
        }
    }
}

/// Changes the running thread: `from` stops, `to` goes on.
pub(crate) fn swap(store: &mut impl RunningSlots, from: &mut ThreadState, to: &mut ThreadState) {
    let running = store.slots();
    from.leave(running);
    to.enter(running);
}

/// Leaves a thread that ends for `to`: nothing is saved.
pub(crate) fn exit_to(store: &mut impl RunningSlots, to: &mut ThreadState) {
    to.enter(store.slots());
}

/// A new implicit thread, current from [`ThreadScope::begin`] until the scope is dropped, which
/// makes the thread that was current before current again.
pub(crate) struct ThreadScope<S: RunningSlots> {
    store: S,
    caller: ThreadState,
}

impl<S: RunningSlots> ThreadScope<S> {
    /// Starts a thread with zero slots.
    pub(crate) fn begin(mut store: S) -> ThreadScope<S> {
        let mut caller = ThreadState::of_running();
        swap(&mut store, &mut caller, &mut ThreadState::new());
        ThreadScope { store, caller }
    }

    /// What it was begun with, to call wasm on this thread: with `ThreadKind::Same`.
    pub(crate) fn store(&mut self) -> &mut S {
        &mut self.store
    }
}

impl<S: RunningSlots> Drop for ThreadScope<S> {
    fn drop(&mut self) {
        exit_to(&mut self.store, &mut self.caller);
    }
}

/// What a stack owns of a store's `VMStoreContext` and the cells around it.
#[derive(Copy, Clone, Debug)]
pub(crate) struct StackState {
    /// `VMStoreContext::entry`: the innermost entry, of this stack or those that it was resumed from.
    pub(crate) entry: *mut VMEntryRecord,
    /// `VMStoreContext::exit_fp`.
    pub(crate) exit_fp: usize,
    /// `VMStoreContext::exit_pc`.
    pub(crate) exit_pc: usize,
    /// `VMStoreContext::stack_limit`.
    pub(crate) limit: usize,
    /// Whose stack it is; null for the stack of a thread of the operating system.
    pub(crate) fiber: *mut FiberRecord,
}

impl StackState {
    /// Of a stack that nobody has entered.
    pub(crate) fn none() -> StackState {
        StackState {
            entry: std::ptr::null_mut(),
            exit_fp: 0,
            exit_pc: 0,
            limit: 0,
            fiber: std::ptr::null_mut(),
        }
    }
}

/// Something that can get at the running copies of all that a thread with its own stack owns.
pub(crate) trait RunningStack {
    /// The slots of the component that the thread runs in, if it runs in one.
    fn slots(&mut self) -> Option<&mut ContextSlots>;

    /// What the running stack owns.
    fn stack(&self) -> StackState;

    /// Makes this the running stack's.
    fn set_stack(&mut self, stack: &StackState);
}

/// What a thread with a stack of its own owns while that isn't the running one.
#[derive(Debug)]
pub(crate) struct FiberState {
    thread: ThreadState,
    pub(crate) stack: StackState,
}

impl FiberState {
    /// Of a thread that has not run yet, on this stack.
    pub(crate) fn new(stack: StackState) -> FiberState {
        FiberState {
            thread: ThreadState::new(),
            stack,
        }
    }
}

/// Changes the running thread to another of the same component: both have stacks of their own.
#[inline]
pub(crate) fn change(store: &mut impl RunningStack, from: &mut FiberState, to: &mut FiberState) {
    from.stack = store.stack();
    store.set_stack(&to.stack);
    if let Some(slots) = store.slots() {
        from.thread.leave(slots);
        to.thread.enter(slots);
    }
}

/// Leaves a thread that has ended, on a stack of its own, for another of the same component on its own.
#[inline]
pub(crate) fn exit_to_other(store: &mut impl RunningStack, to: &mut FiberState) {
    store.set_stack(&to.stack);
    inherit(store, to);
}

/// Changes the running thread to another of the same component that has no stack, and takes over that
/// of the one that runs.
#[inline]
pub(crate) fn trade(store: &mut impl RunningStack, from: &mut FiberState, to: &mut FiberState) {
    if let Some(slots) = store.slots() {
        from.thread.leave(slots);
        to.thread.enter(slots);
    }
    // What they own while they don't run goes with them, and not with the stack.
    std::mem::swap(&mut from.thread, &mut to.thread);
}

/// Leaves a thread that has ended for another of the same component, which takes over its stack.
#[inline]
pub(crate) fn inherit(store: &mut impl RunningStack, to: &mut FiberState) {
    if let Some(slots) = store.slots() {
        to.thread.enter(slots);
    }
}

/// A thread on a stack of its own runs, until [`Resumed::suspend`], or until this is dropped, which
/// ends it. Either way its resumer's is the running copy again.
pub(crate) struct Resumed<S: RunningStack> {
    store: S,
    resumer: FiberState,
}

impl<S: RunningStack> Resumed<S> {
    /// Makes `thread`'s the running copy of everything.
    pub(crate) fn begin(mut store: S, thread: &mut FiberState) -> Resumed<S> {
        let mut resumer = FiberState {
            thread: ThreadState::of_running(),
            stack: store.stack(),
        };
        store.set_stack(&thread.stack);
        if let Some(slots) = store.slots() {
            resumer.thread.leave(slots);
            thread.thread.enter(slots);
        }
        Resumed { store, resumer }
    }

    /// The thread stops, and may go on later.
    pub(crate) fn suspend(mut self, thread: &mut FiberState) {
        thread.stack = self.store.stack();
        if let Some(slots) = self.store.slots() {
            thread.thread.leave(slots);
        }
    }
}

impl<S: RunningStack> Drop for Resumed<S> {
    fn drop(&mut self) {
        self.store.set_stack(&self.resumer.stack);
        if let Some(slots) = self.store.slots() {
            self.resumer.thread.enter(slots);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Store(ContextSlots);

    impl RunningSlots for &mut Store {
        fn slots(&mut self) -> &mut ContextSlots {
            &mut self.0
        }
    }

    #[test]
    fn a_swap_takes_the_slots_of_one_thread_and_brings_those_of_the_other() {
        let mut store = Store([1, 2]);
        let mut first = ThreadState::of_running();
        let mut second = ThreadState::new();
        swap(&mut &mut store, &mut first, &mut second);
        assert_eq!(store.0, [0, 0]);
        store.0 = [3, u64::MAX];
        swap(&mut &mut store, &mut second, &mut first);
        assert_eq!(store.0, [1, 2]);
        swap(&mut &mut store, &mut first, &mut second);
        assert_eq!(store.0, [3, u64::MAX]);
    }

    #[test]
    fn a_dead_copy_is_poisoned_in_debug_builds() {
        let mut store = Store([1, 2]);
        let mut first = ThreadState::of_running();
        let mut second = ThreadState::new();
        swap(&mut &mut store, &mut first, &mut second);
        if cfg!(debug_assertions) {
            assert_eq!(second.context, [CONTEXT_POISON; 2]);
        }
        exit_to(&mut &mut store, &mut first);
        assert_eq!(store.0, [1, 2]);
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "dead")]
    fn leaving_a_thread_that_does_not_run_is_noticed() {
        let mut store = Store([1, 2]);
        let (mut first, mut second) = (ThreadState::new(), ThreadState::new());
        swap(&mut &mut store, &mut first, &mut second);
    }

    #[test]
    fn scopes_nest_and_end_also_by_a_panic() {
        let mut store = Store([1, 2]);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut outer = ThreadScope::begin(&mut store);
            outer.store().0 = [3, 4];
            {
                let mut inner = ThreadScope::begin(&mut **outer.store());
                assert_eq!(inner.store().0, [0, 0]);
                inner.store().0 = [5, 6];
            }
            assert_eq!(outer.store().0, [3, 4]);
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(result.is_err());
        assert_eq!(store.0, [1, 2]);
    }
}

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
//! stack has in `VMStoreContext`: its [`StackState`]. Both are in a [`FiberState`], which
//! [enters](FiberState::enter) and [leaves](FiberState::leave). A [`Resumed`] keeps the resumer's.
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

/// The same for a thread that may have no slots.
impl ThreadState {
    #[inline]
    fn enter_in(&mut self, store: &mut impl RunningStack) {
        if let Some(slots) = store.slots() {
            self.enter(slots);
        }
    }

    #[inline]
    fn leave_in(&mut self, store: &mut impl RunningStack) {
        if let Some(slots) = store.slots() {
            self.leave(slots);
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
    /// `VMStoreContext::guest_sp`.
    pub(crate) sp: *mut u8,
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
            sp: std::ptr::null_mut(),
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

/// What a suspended guest has of a [`StackState`]. The rest is known: its innermost entry is the one at the
/// top of its stack, and the stack is its own.
#[derive(Copy, Clone, Debug)]
pub(crate) struct SuspendedStack {
    /// [`StackState::exit_fp`].
    pub(crate) exit_fp: usize,
    /// [`StackState::exit_pc`].
    pub(crate) exit_pc: usize,
    limit: usize,
    /// [`StackState::sp`].
    pub(crate) sp: *mut u8,
}

impl SuspendedStack {
    fn of(stack: &StackState) -> SuspendedStack {
        SuspendedStack {
            exit_fp: stack.exit_fp,
            exit_pc: stack.exit_pc,
            limit: stack.limit,
            sp: stack.sp,
        }
    }
}

/// What a thread with a stack of its own owns while that isn't the running one.
#[derive(Debug)]
pub(crate) struct FiberState {
    thread: ThreadState,
    pub(crate) stack: SuspendedStack,
}

impl FiberState {
    /// Of a thread that has not run yet.
    pub(crate) fn new() -> FiberState {
        FiberState {
            thread: ThreadState::new(),
            stack: SuspendedStack::of(&StackState::none()),
        }
    }

    /// Makes this thread's copies the running ones, on the stack of `fiber`, where `entry` is the innermost
    /// one. What the running copies held is gone.
    #[inline]
    pub(crate) fn enter(
        &mut self,
        store: &mut impl RunningStack,
        entry: *mut VMEntryRecord,
        fiber: *mut FiberRecord,
    ) {
        let SuspendedStack {
            exit_fp,
            exit_pc,
            limit,
            sp,
        } = self.stack;
        store.set_stack(&StackState {
            entry,
            exit_fp,
            exit_pc,
            limit,
            sp,
            fiber,
        });
        self.thread.enter_in(store);
    }

    /// The same for a thread without frames, which begins under this resumer.
    #[inline]
    pub(crate) fn begin(
        &mut self,
        store: &mut impl RunningStack,
        resumer: &StackState,
        fiber: *mut FiberRecord,
    ) {
        self.stack = SuspendedStack::of(resumer);
        self.enter(store, resumer.entry, fiber);
    }

    /// Takes the running copies into this thread's own. Nobody's are the running ones then, until
    /// some thread [enters](Self::enter), or the resumer goes on.
    #[inline]
    pub(crate) fn leave(&mut self, store: &mut impl RunningStack) {
        self.stack = SuspendedStack::of(&store.stack());
        self.thread.leave_in(store);
    }
}

/// While it lives, threads with stacks of their own run, one after the other: each
/// [enters](FiberState::enter), and [leaves](FiberState::leave) unless it has ended. When this is
/// dropped, the resumer's copies are the running ones again.
pub(crate) struct Resumed<S: RunningStack> {
    store: S,
    thread: ThreadState,
    stack: StackState,
}

impl<S: RunningStack> Resumed<S> {
    /// Takes the running copies, which are the resumer's. The slots are those of the component whose
    /// threads are to run.
    pub(crate) fn begin(mut store: S) -> Resumed<S> {
        let mut thread = ThreadState::of_running();
        thread.leave_in(&mut store);
        Resumed {
            stack: store.stack(),
            store,
            thread,
        }
    }
}

impl<S: RunningStack> Drop for Resumed<S> {
    fn drop(&mut self) {
        self.store.set_stack(&self.stack);
        self.thread.enter_in(&mut self.store);
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

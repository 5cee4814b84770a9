//! A closure on a stack of its own, that can be suspended and resumed.

use core::ffi::c_void;
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::stack::{Stack, StackBounds};

/// Largest closure that `corosensei` places on a new stack.
const MAX_BODY_SIZE: usize = 1024;

/// Why [`Fiber::resume`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<Yield, Return> {
    /// The fiber suspended itself with this value; it can be resumed.
    Suspended(Yield),
    /// The body returned this value; the fiber is done.
    Finished(Return),
}

/// A closure running on a [`Stack`] of its own.
///
/// Each [`resume`](Fiber::resume) takes an `Input` in and brings a `Yield` out,
/// or at the end the `Return`. The first input arrives as the body's second
/// argument, later ones as results of [`Suspender::suspend`].
///
/// Fibers nest: the body of one may create and resume others.
///
/// # What may lie between
///
/// A switch saves only what the platform's calling convention says a call
/// preserves, so any kind of frame may lie between the body and a suspension:
/// Rust, C, or generated code.
///
/// # Dropping
///
/// - A fiber that is **done** or was **never resumed** is dropped like any value:
///   its stack returns to the pool, a body not started is dropped.
/// - Dropping a **suspended** fiber *unwinds* its stack: the `suspend` it waits in
///   panics with a private payload (the panic hook is not called), destructors
///   run, and the panic ends at the fiber's root. This is right for bodies made
///   of Rust frames. It is **not possible** when frames without unwind information
///   are on the stack, as those of generated code may be, or frames of functions
///   that may not unwind (`extern "C"`): the process aborts. A destructor that
///   suspends or panics aborts it, too; a body that catches the panic and goes on
///   to suspend is unwound again at each suspension.
/// - [`abandon`](Fiber::abandon) takes the stack away from a suspended fiber and
///   runs nothing. It is for stacks with such frames and it is unsafe; read there
///   why.
/// - `mem::forget` is safe and leaks the stack.
///
/// # Threads
///
/// A fiber stays on its OS thread unless someone vouches for what is on its stack
/// ([`into_send`](Fiber::into_send)):
///
/// ```compile_fail
/// fn is_send<T: Send>() {}
/// is_send::<threadline_fiber::Fiber<(), (), ()>>();
/// ```
pub struct Fiber<Input, Yield, Return> {
    coroutine: Coroutine<Input, Yield, Return, Stack>,
    bounds: StackBounds,
}

impl<Input: 'static, Yield: 'static, Return: 'static> Fiber<Input, Yield, Return> {
    /// A fiber that will run `body` on `stack` when first resumed.
    ///
    /// The body is kept at the top of its stack, so nothing is allocated. One of
    /// more than 1 KiB doesn't compile.
    #[inline]
    pub fn new<F>(stack: Stack, body: F) -> Self
    where
        F: FnOnce(Suspender<'_, Input, Yield>, Input) -> Return + 'static,
    {
        const {
            assert!(
                size_of::<F>() <= MAX_BODY_SIZE,
                "the fiber's body captures too much"
            )
        }
        let bounds = stack.bounds();
        let coroutine = Coroutine::with_stack(stack, |yielder: &Yielder<Input, Yield>, input| {
            body(Suspender { yielder }, input)
        });
        Self { coroutine, bounds }
    }
}

impl<Input, Yield, Return> Fiber<Input, Yield, Return> {
    /// Runs the fiber until it suspends itself or is done.
    ///
    /// # Panics
    ///
    /// When the fiber is done already. A panic of the body comes out here, with
    /// its payload; the fiber is done then.
    #[inline]
    pub fn resume(&mut self, input: Input) -> Step<Yield, Return> {
        match self.coroutine.resume(input) {
            CoroutineResult::Yield(value) => Step::Suspended(value),
            CoroutineResult::Return(value) => Step::Finished(value),
        }
    }

    /// Whether the fiber has been resumed at least once.
    pub fn is_started(&self) -> bool {
        self.coroutine.started()
    }

    /// Whether the body has returned or panicked, or is running right now.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.coroutine.done()
    }

    /// The usable addresses of the fiber's stack, the same for all its life. What
    /// checks for stack overflow while the fiber runs compares with
    /// [`StackBounds::limit`], plus the room it wants to keep.
    #[inline]
    pub fn stack_bounds(&self) -> StackBounds {
        self.bounds
    }

    /// Takes the stack of a fiber that is done, for the next one: cheaper than a
    /// round trip through the pool.
    ///
    /// # Errors
    ///
    /// Returns the fiber when it isn't done.
    #[inline]
    pub fn into_stack(self) -> Result<Stack, Self> {
        if self.coroutine.done() {
            Ok(self.coroutine.into_stack())
        } else {
            Err(self)
        }
    }

    /// Ends a suspended fiber on the spot and takes its stack: nothing is unwound,
    /// no destructor on it runs, and no code of the body ever runs again.
    ///
    /// What the frames owned elsewhere (heap, file descriptors) is leaked. So
    /// that there is nothing to leak, the owner of such fibers keeps what they
    /// use in its own tables and only borrows it on their stacks. On a fiber that
    /// was never resumed this leaks the body; on one that is done it is
    /// [`into_stack`](Fiber::into_stack). A nested fiber owned by a frame on the
    /// stack is leaked with its own stack, which the pool doesn't get back.
    ///
    /// # Safety
    ///
    /// Leaking is safe in Rust, but this does more: the memory of the frames will
    /// be reused while their destructors haven't run. Values on a stack may rely
    /// on the opposite: scoped threads, pinned values, drop guards that end a
    /// borrow. So the caller must guarantee that for every frame on the stack:
    ///
    /// - no pointer or reference into the frame is used any more, by anyone
    ///   (other threads, other fibers, intrusive lists, the kernel);
    /// - no caller of the frame's code relies on its destructors or on the rest of
    ///   its body having run. In terms of the language: all frames are plain old
    ///   frames, which may be deallocated by `longjmp`.
    ///
    /// Frames of generated code have no destructors and satisfy this by
    /// construction; the promise is about the Rust frames around them.
    pub unsafe fn abandon(mut self) -> Stack {
        // SAFETY: our caller guarantees that the frames may be deallocated
        // without running anything, which is what `force_reset` asks for.
        unsafe { self.coroutine.force_reset() };
        self.coroutine.into_stack()
    }

    /// Makes the fiber one that can be sent to other OS threads.
    ///
    /// # Safety
    ///
    /// Whenever the fiber is suspended or not yet started and is moved to, or
    /// dropped on, another thread, everything on its stack moves along, which the
    /// compiler can't check. The caller guarantees that at every such moment
    ///
    /// - the body's captures and all values on the stack are `Send`, and so are
    ///   `Input`, `Yield` and `Return`;
    /// - no frame holds on to the identity of its thread: the address of a
    ///   thread-local variable (which the compiler may also keep of its own
    ///   accord within a function that accesses one before *and* after
    ///   suspending), a lock that must be released by the thread that took it, an
    ///   unwinding in progress.
    pub unsafe fn into_send(self) -> SendFiber<Input, Yield, Return> {
        SendFiber(self)
    }
}

impl<Input, Yield, Return> fmt::Debug for Fiber<Input, Yield, Return> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fiber")
            .field("started", &self.is_started())
            .field("done", &self.is_done())
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

/// A [`Fiber`] that may be resumed and dropped on any OS thread, one at a time.
///
/// Made by [`Fiber::into_send`], whose caller answers for it.
#[derive(Debug)]
pub struct SendFiber<Input, Yield, Return>(Fiber<Input, Yield, Return>);

// SAFETY: `Fiber` is not `Send` only because what is on its stack may not be.
// `into_send` is the only way to make a `SendFiber`, and its caller guarantees
// that everything there is. The stack itself is `Send`: its pool is locked.
unsafe impl<Input, Yield, Return> Send for SendFiber<Input, Yield, Return> {}

impl<Input, Yield, Return> SendFiber<Input, Yield, Return> {
    /// Back to a fiber bound to the current thread, for the methods that consume
    /// it.
    pub fn into_local(self) -> Fiber<Input, Yield, Return> {
        self.0
    }
}

impl<Input, Yield, Return> Deref for SendFiber<Input, Yield, Return> {
    type Target = Fiber<Input, Yield, Return>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<Input, Yield, Return> DerefMut for SendFiber<Input, Yield, Return> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// What a running body suspends its fiber with.
///
/// It belongs to the OS thread that the fiber runs on:
///
/// ```compile_fail
/// fn is_send<T: Send>() {}
/// is_send::<threadline_fiber::Suspender<'static, (), ()>>();
/// ```
pub struct Suspender<'fiber, Input, Yield> {
    yielder: &'fiber Yielder<Input, Yield>,
}

impl<Input, Yield> Clone for Suspender<'_, Input, Yield> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Input, Yield> Copy for Suspender<'_, Input, Yield> {}

impl<'fiber, Input, Yield> Suspender<'fiber, Input, Yield> {
    /// Suspends the fiber: its [`Fiber::resume`] returns `value`. Returns the
    /// input of the next `resume`.
    ///
    /// Must not be called while unwinding: the count of panics belongs to the OS
    /// thread, not to the fiber.
    ///
    /// # Panics
    ///
    /// Unwinds when the fiber is dropped instead of resumed (see [`Fiber`]).
    #[inline]
    pub fn suspend(self, value: Yield) -> Input {
        self.yielder.suspend(value)
    }

    /// The suspender as a pointer, for bodies that suspend from below frames
    /// which can't pass a value with a lifetime, such as those of generated code.
    #[inline]
    pub fn into_raw(self) -> NonNull<c_void> {
        NonNull::from(self.yielder).cast()
    }

    /// The suspender that [`into_raw`](Suspender::into_raw) gave this pointer
    /// for.
    ///
    /// # Safety
    ///
    /// - `raw` comes from `into_raw` of a suspender with the same `Input` and
    ///   `Yield`.
    /// - For all of `'fiber`, code runs on the fiber that the suspender belongs to,
    ///   or on a fiber that it is resuming, directly or not: suspending then
    ///   suspends the whole chain, and resuming continues at its innermost end.
    ///   None of the inner fibers may be moved or dropped meanwhile.
    #[inline]
    pub unsafe fn from_raw(raw: NonNull<c_void>) -> Self {
        // SAFETY: the pointer was made from a `&Yielder` of these types, which
        // lives at the root of its fiber's stack; our caller guarantees that the
        // fiber is running, so that it is still there.
        let yielder = unsafe { raw.cast::<Yielder<Input, Yield>>().as_ref() };
        Self { yielder }
    }
}

impl<Input, Yield> fmt::Debug for Suspender<'_, Input, Yield> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Suspender").field(&self.into_raw()).finish()
    }
}

//! A closure on a stack of its own, that can be suspended and resumed.

use core::any::Any;
use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::sanitizer;
use crate::stack::{Stack, StackBounds};
use crate::switch::{Root, START_ROOM, State, place_start, switch};

/// Largest closure that is placed on a new stack.
const MAX_BODY_SIZE: usize = 1024;

/// What is at the top of a fiber's stack.
#[repr(C, align(16))]
struct Top<F> {
    root: Root,
    body: MaybeUninit<F>,
}

/// What a resumer is told. It begins as a [`Suspended`] does.
#[repr(C)]
struct Reply<Yield, Return> {
    is_done: bool,
    value: MaybeUninit<Yield>,
    result: MaybeUninit<Result<Return, Box<dyn Any + Send>>>,
}

/// What a resumer is told by who suspends itself, who doesn't know what it would return.
#[repr(C)]
struct Suspended<Yield> {
    is_done: bool,
    value: MaybeUninit<Yield>,
}

/// What a fiber that is dropped is unwound with.
struct Unwound;

/// Why [`Fiber::resume`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<Yield, Return> {
    /// The fiber suspended itself with this value; it can be resumed.
    Suspended(Yield),
    /// The body returned this value; the fiber is done.
    Finished(Return),
}

/// What goes in and out of a fiber; it is bound to its thread, as what is on its stack may be.
type Values<Input, Yield, Return> = PhantomData<(fn(Input) -> Yield, Return)>;

/// What goes in and out of a fiber from within, and by the one that runs alone.
type Passed<'fiber, Input, Yield> = PhantomData<(&'fiber (), *const (), fn(Yield) -> Input)>;

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
    root: NonNull<Root>,
    stack: ManuallyDrop<Stack>,
    values: Values<Input, Yield, Return>,
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
                size_of::<F>() <= MAX_BODY_SIZE && align_of::<F>() <= MAX_BODY_SIZE,
                "the fiber's body captures too much"
            )
        }
        sanitizer::forget_marks(stack.bounds());
        let top = stack.bounds().top.get() - size_of::<Top<F>>();
        let top = top - top % align_of::<Top<F>>();
        let top: *mut Top<F> = ptr::with_exposed_provenance_mut(top);
        // SAFETY: a stack is larger than the largest `Top`, which `config` sees to, is the owner's
        // alone, and readable and writable; the address is within, and aligned.
        let root = unsafe {
            top.write(Top {
                root: Root {
                    resumer: ptr::null_mut(),
                    reply: ptr::null_mut(),
                    sp: ptr::null_mut(),
                    input: ptr::null(),
                    entry: run::<F, Input, Yield, Return>,
                    drop_body: drop_body::<F>,
                    state: State::Fresh,
                    unwinds: false,
                },
                body: MaybeUninit::new(body),
            });
            let root = &raw mut (*top).root;
            (*root).sp = place_start(root);
            NonNull::new_unchecked(root)
        };
        Self {
            root,
            stack: ManuallyDrop::new(stack),
            values: PhantomData,
        }
    }
}

/// The least size of a stack that has room for any `Top` and the frames of `run` around a body that
/// does little.
pub(crate) const MIN_SIZE: usize = 2 * MAX_BODY_SIZE + size_of::<Root>() + START_ROOM + 4096;

/// What a fiber runs from its first resumption on.
///
/// # Safety
/// `root` is that of a `Top<F>` whose body has not run, and begins to run with an input.
unsafe extern "C" fn run<F, Input, Yield, Return>(root: *mut Root)
where
    F: FnOnce(Suspender<'_, Input, Yield>, Input) -> Return,
{
    // SAFETY: the caller answers for the root, which the body's suspender doesn't outlive: the
    // closure can't keep one for longer than it runs. The resumer's places for input and reply are in
    // a frame of its that waits for this.
    unsafe {
        let body = (*root.cast::<Top<F>>()).body.assume_init_read();
        let input = (*root).input.cast::<Input>().read();
        let suspender = Suspender::<Input, Yield>::of(NonNull::new_unchecked(root));
        let result = catch_unwind(AssertUnwindSafe(|| body(suspender, input)));
        (*root).state = State::Done;
        let reply = (*root).reply.cast::<Reply<Yield, Return>>();
        (*reply).is_done = true;
        (*reply).result.write(result);
    }
}

/// # Safety
/// `root` is that of a `Top<F>` whose body never runs.
unsafe fn drop_body<F>(root: *mut Root) {
    // SAFETY: passed on.
    unsafe { (*root.cast::<Top<F>>()).body.assume_init_drop() }
}

impl<Input, Yield, Return> Fiber<Input, Yield, Return> {
    /// Runs the fiber until it, or one that has gone on [in its place](Suspender::hop), suspends
    /// itself or is done.
    ///
    /// # Panics
    ///
    /// When the fiber is done already. A panic of the body comes out here, with
    /// its payload; the fiber is done then.
    #[inline]
    pub fn resume(&mut self, input: Input) -> Step<Yield, Return> {
        assert!(
            !self.is_done(),
            "a fiber is resumed that has completed, or runs"
        );
        let input = ManuallyDrop::new(input);
        // SAFETY: the fiber is fresh or suspended, so the input is read, once.
        let reply = unsafe { self.go_on((&raw const input).cast()) };
        // SAFETY: each has written what belongs to its case.
        match unsafe { reply.is_done.then(|| reply.result.assume_init()) } {
            // SAFETY: as above.
            None => Step::Suspended(unsafe { reply.value.assume_init() }),
            Some(Ok(value)) => Step::Finished(value),
            Some(Err(payload)) => resume_unwind(payload),
        }
    }

    /// Runs the fiber with the input at this address.
    ///
    /// # Safety
    /// The fiber is fresh or suspended; there is an `Input` at the address, unless the stack is to
    /// be unwound.
    #[inline(always)]
    unsafe fn go_on(&mut self, input: *const ()) -> Reply<Yield, Return> {
        let root = self.root.as_ptr();
        let mut reply = Reply {
            is_done: false,
            value: MaybeUninit::uninit(),
            result: MaybeUninit::uninit(),
        };
        // SAFETY: the root is there as long as the fiber. Whoever switches back here has written to
        // the reply: `suspend` or `run`, of this fiber or of one of the same type that went on in its
        // place, and took the address over.
        unsafe {
            (*root).input = input;
            (*root).reply = (&raw mut reply).cast();
            (*root).state = State::Running;
            switch(&raw mut (*root).resumer, (*root).sp);
        }
        reply
    }

    fn state(&self) -> State {
        // SAFETY: the root is there as long as the fiber; nobody has a reference that is for writing.
        unsafe { (*self.root.as_ptr()).state }
    }

    /// Whether the fiber has been resumed at least once.
    pub fn is_started(&self) -> bool {
        self.state() != State::Fresh
    }

    /// Whether the body has returned or panicked, or is running right now.
    #[inline]
    pub fn is_done(&self) -> bool {
        matches!(self.state(), State::Running | State::Done)
    }

    /// The stack pointer of a fiber that is suspended; what it will go on with is above.
    #[inline]
    pub fn suspended_sp(&self) -> Option<usize> {
        match self.state() {
            // SAFETY: the root is there as long as the fiber; nobody has a reference that is for writing.
            State::Suspended => Some(unsafe { (*self.root.as_ptr()).sp.addr() }),
            State::Fresh | State::Running | State::Done => None,
        }
    }

    /// The usable addresses of the fiber's stack, the same for all its life. What
    /// checks for stack overflow while the fiber runs compares with
    /// [`StackBounds::limit`], plus the room it wants to keep.
    #[inline]
    pub fn stack_bounds(&self) -> StackBounds {
        self.stack.bounds()
    }

    /// Takes the stack of a fiber that is done, for the next one: cheaper than a
    /// round trip through the pool.
    ///
    /// # Errors
    ///
    /// Returns the fiber when it isn't done.
    #[inline]
    pub fn into_stack(self) -> Result<Stack, Self> {
        match self.state() {
            State::Done => Ok(self.take_stack()),
            State::Fresh | State::Suspended | State::Running => Err(self),
        }
    }

    /// The stack of a fiber that runs nothing any more.
    #[inline]
    fn take_stack(self) -> Stack {
        let mut fiber = ManuallyDrop::new(self);
        // SAFETY: the fiber isn't dropped, so this is the only one who takes it.
        unsafe { ManuallyDrop::take(&mut fiber.stack) }
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
    pub unsafe fn abandon(self) -> Stack {
        self.take_stack()
    }

    /// The fiber by its address, for [`Suspender::hop`].
    #[inline]
    pub fn hop_target(&self) -> HopTarget<Input, Yield, Return> {
        HopTarget {
            root: self.root,
            values: PhantomData,
        }
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
            .field("bounds", &self.stack_bounds())
            .finish_non_exhaustive()
    }
}

impl<Input, Yield, Return> Drop for Fiber<Input, Yield, Return> {
    fn drop(&mut self) {
        let root = self.root.as_ptr();
        // SAFETY: the root is there as long as the stack. A fiber that is fresh has a body; one that
        // is suspended reads no input when it is unwound. A fiber that runs is not dropped: it is
        // borrowed while `resume` runs, and who is hopped to is kept, by the contract of `hop`.
        unsafe {
            match (*root).state {
                State::Fresh => ((*root).drop_body)(root),
                State::Suspended => {
                    (*root).unwinds = true;
                    let reply = self.go_on(ptr::null());
                    // It has finished: `suspend` doesn't any more.
                    drop(reply.result.assume_init());
                }
                State::Running | State::Done => {}
            }
            ManuallyDrop::drop(&mut self.stack);
        }
    }
}

/// A fiber by its address, that another may [go on as](Suspender::hop).
pub struct HopTarget<Input, Yield, Return> {
    root: NonNull<Root>,
    values: Values<Input, Yield, Return>,
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
    root: NonNull<Root>,
    /// It can't be sent to other threads.
    values: Passed<'fiber, Input, Yield>,
}

impl<Input, Yield> Clone for Suspender<'_, Input, Yield> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Input, Yield> Copy for Suspender<'_, Input, Yield> {}

impl<Input, Yield> Suspender<'_, Input, Yield> {
    #[inline]
    fn of(root: NonNull<Root>) -> Self {
        Self {
            root,
            values: PhantomData,
        }
    }

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
        let root = self.root.as_ptr();
        // SAFETY: the fiber runs, so its root is there, and its resumer waits where that says. It
        // goes on when it has been given an input, or is unwound.
        unsafe {
            if (*root).unwinds {
                unwind();
            }
            let reply = (*root).reply.cast::<Suspended<Yield>>();
            (*reply).is_done = false;
            (*reply).value.write(value);
            (*root).state = State::Suspended;
            switch(&raw mut (*root).sp, (*root).resumer);
            self.input()
        }
    }

    /// Suspends the fiber and resumes another one in its place, on behalf of the same resumer: that
    /// one's [`Fiber::resume`] returns what `next` yields or returns. Returns the input of the next
    /// `resume` of this one.
    ///
    /// # Panics
    ///
    /// If `next` is done or runs, and as [`suspend`](Suspender::suspend).
    ///
    /// # Safety
    ///
    /// The fiber `next` exists, is of the same types as the running one, and is not moved to another
    /// thread, nor dropped, while it runs. Whoever resumed the fiber that runs here can bear that
    /// another one comes back from it.
    #[inline]
    pub unsafe fn hop<Return>(self, next: HopTarget<Input, Yield, Return>, input: Input) -> Input {
        let (root, next) = (self.root.as_ptr(), next.root.as_ptr());
        // SAFETY: as in `suspend`; the caller answers for the other root. Its fiber is fresh or
        // suspended, so it reads the input, at once.
        unsafe {
            if (*root).unwinds {
                unwind();
            }
            assert!(
                matches!((*next).state, State::Fresh | State::Suspended),
                "a fiber is hopped to that has completed, or runs"
            );
            let input = ManuallyDrop::new(input);
            (*next).input = (&raw const input).cast();
            (*next).reply = (*root).reply;
            (*next).resumer = (*root).resumer;
            (*next).state = State::Running;
            (*root).state = State::Suspended;
            switch(&raw mut (*root).sp, (*next).sp);
            self.input()
        }
    }

    /// What the fiber was resumed with.
    ///
    /// # Safety
    /// It was just resumed.
    #[inline(always)]
    unsafe fn input(self) -> Input {
        let root = self.root.as_ptr();
        // SAFETY: who resumes has put the address of an input there, or unwinds.
        unsafe {
            if (*root).unwinds {
                unwind();
            }
            (*root).input.cast::<Input>().read()
        }
    }

    /// The suspender as a pointer, for bodies that suspend from below frames
    /// which can't pass a value with a lifetime, such as those of generated code.
    #[inline]
    pub fn into_raw(self) -> NonNull<c_void> {
        self.root.cast()
    }

    /// The suspender that [`into_raw`](Suspender::into_raw) gave this pointer
    /// for.
    ///
    /// # Safety
    ///
    /// - `raw` comes from `into_raw` of a suspender with the same `Input` and
    ///   `Yield`.
    /// - For as long as the result is used, code runs on the fiber that the suspender belongs to,
    ///   or on a fiber that it is resuming, directly or not: suspending then
    ///   suspends the whole chain, and resuming continues at its innermost end.
    ///   None of the inner fibers may be moved or dropped meanwhile.
    #[inline]
    pub unsafe fn from_raw(raw: NonNull<c_void>) -> Self {
        Self::of(raw.cast())
    }
}

/// Unwinds a stack that is dropped.
#[cold]
fn unwind() -> ! {
    resume_unwind(Box::new(Unwound))
}

impl<Input, Yield> fmt::Debug for Suspender<'_, Input, Yield> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Suspender").field(&self.into_raw()).finish()
    }
}

//! Wasm on stacks of its own, which it can be suspended on.
//!
//! ```text
//!   poll ── resume            Resumed: swaps slots, StackState; store, activation, stack_low
//!             │ switch
//!             ▼ fiber
//!           enter_on_fiber    VMEntryRecord `base`, linked to the resumer's entry at each resume
//!             HostToWasm      a trap ends here; `false` is what the fiber returns
//!               wasm …
//!                 shim        a host function that is a future, or a builtin
//!                   block_on  polls it; pending: switch back to `resume`
//! ```
//!
//! *What is on a suspended stack* is what the picture shows, and no more: a fiber can be suspended
//! only where its own first entry is its innermost one ([`suspendable`]), so no frame of an
//! embedder's host function, nor of the code that lifts and lowers, lies between. The frames of
//! ours that do (`body`, `enter_on_fiber`, a shim with its `catch`, `block_on`) own nothing: the
//! host's future, with all that it captures, and the call's arguments are in the [`FiberRecord`],
//! which is on the heap. So a stack can be taken away from its fiber without running anything.
//!
//! *Threads of the operating system.* A fiber may go on on another one. Nothing on it holds on to
//! a thread-local: `enter_on_fiber` does without the activation, which [`resume`] sets instead, and
//! futures are polled from beginning to end between two switches.
//!
//! A future is polled on the fiber. When it makes an asynchronous call of its own, that call's
//! fiber is resumed from this one, so resumers nest as calls do, and backtraces cross.

use super::activation;
use super::call_slots::OwnedSlots;
use super::core_instance::FunctionImport;
use super::entry::{HOST_STACK_RESERVE, SlotsOf, ThreadKind, enter_on_fiber, take_failure};
use super::invoke::{CurrentStore, Entrance};
use super::store_state::{StoreCells, VmStoreState};
use super::sys;
use crate::concurrent::switch::{FiberState, Resumed, RunningSlots, RunningStack, StackState};
use crate::store::StoreOpaque;
use anyhow::{Context as _, Result, anyhow};
use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem;
use std::ops::Range;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use threadline_environ::layout::{ContextSlots, VMEntryRecord, VMStoreContext};
use threadline_fiber::{Fiber, Stack, Step, Suspender};

/// How many stacks a store keeps for its next fibers.
const MAX_IDLE: usize = 16;

/// Bytes below the frame that switches away which a scan of its stack takes in: the switch leaves
/// registers there that compiled code may have values in.
const BELOW_SWITCH: usize = 1024;

/// How often in a row wasm goes on at its deadline where it should yield but can't.
const MAX_MISSED_YIELDS: u32 = 16;

/// What a host function that is a future gives.
pub(crate) type HostFuture<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// The stacks of a store.
pub(super) struct Fibers {
    /// Whose stack runs; null for the thread's own.
    current: *mut FiberRecord,
    /// All that have not ended, in no order.
    all: Vec<NonNull<FiberRecord>>,
    /// For the next ones.
    idle: Vec<Stack>,
    /// How often in a row wasm could not yield.
    missed_yields: u32,
    /// How many asynchronous calls are being made of which more belongs together than a fiber.
    calls: usize,
}

impl Default for Fibers {
    fn default() -> Fibers {
        Fibers {
            current: ptr::null_mut(),
            all: Vec::new(),
            idle: Vec::new(),
            missed_yields: 0,
            calls: 0,
        }
    }
}

/// A call on a stack of its own. On the heap, and reached by pointers only, because the fiber
/// uses it, too.
pub(crate) struct FiberRecord {
    store: *mut VMStoreContext,
    /// Its place in [`Fibers::all`].
    place: usize,
    /// Here until it is freed.
    fiber: Option<Fiber<(), (), bool>>,
    state: FiberState,
    /// Whether the function runs on a thread of its own, or on its caller's.
    thread: ThreadKind,
    func: FunctionImport,
    entrance: Entrance,
    args: OwnedSlots,
    /// The fiber's first entry, once it was made.
    base: *mut VMEntryRecord,
    /// The fiber's suspender, once it runs.
    suspender: Option<NonNull<c_void>>,
    /// What the host function is doing that the guest has called last and waits for.
    hosted: Option<HostFuture<'static>>,
    /// The `Context` of the poll that resumed it; good while it runs.
    cx: *mut c_void,
    /// Where it was suspended, 0 while it runs or resumes another.
    sp: usize,
    /// Where its resumer resumed it.
    resumer_sp: usize,
    /// Whose stack that is.
    resumer: *mut FiberRecord,
}

/// An asynchronous call of a function, which begins when this is first polled. It gives the
/// results, in the slots that the parameters were in.
///
/// Dropped before that, it ends the call where it is: what the host was doing for it is dropped,
/// its stack is freed, and no guest code runs.
#[must_use]
pub(crate) struct FiberCall<'a> {
    record: Option<NonNull<FiberRecord>>,
    opaque: *mut StoreOpaque,
    borrow: PhantomData<&'a mut StoreOpaque>,
}

// SAFETY: what is on the stack of a fiber that can be suspended is listed in the module's
// documentation: frames without thread-locals (same place), pointers into the store and the
// record, and a future that is `Send`. The store is borrowed here; that what its host functions
// use of it, the embedder's data, is `Send` is required of whoever calls `call_async`.
unsafe impl Send for FiberCall<'_> {}

impl StoreOpaque {
    /// Prepares a call of a function of this store, on a stack of its own. `entrance` must be for the function's type.
    ///
    /// # Errors
    /// If there is no stack.
    ///
    /// # Panics
    /// If `args` is too short.
    pub(crate) fn invoke_async(
        &mut self,
        thread: ThreadKind,
        entrance: Entrance,
        func: FunctionImport,
        args: OwnedSlots,
    ) -> Result<FiberCall<'_>> {
        assert!(args.len() >= entrance.slots(), "room for all values");
        let opaque: *mut StoreOpaque = self;
        // SAFETY: `opaque` is this very borrow, and the context its store's, of which no wasm runs
        // that isn't waiting for the borrower.
        let record = unsafe {
            let context = (*opaque).vm().context_ptr();
            let fibers = &raw mut (*StoreCells::of(context)).fibers;
            let stack = match (*fibers).idle.pop() {
                Some(stack) => stack,
                None => (*opaque)
                    .engine()
                    .stacks()
                    .acquire()
                    .context("no stack for an asynchronous call")?,
            };
            let record = new_record(context, stack, entrance, func, args);
            (*record.as_ptr()).thread = thread;
            (*record.as_ptr()).place = (*fibers).all.len();
            (*fibers).all.push(record);
            record
        };
        Ok(FiberCall {
            record: Some(record),
            opaque,
            borrow: PhantomData,
        })
    }
}

impl VmStoreState {
    /// An asynchronous call begins, not all of which is on a fiber.
    pub(crate) fn begin_async_call(&mut self) {
        // SAFETY: the cells live as long as `self`; compiled code doesn't run meanwhile.
        let fibers = unsafe { &mut self.cells.as_mut().fibers };
        fibers.calls += 1;
        fibers.missed_yields = 0;
    }

    /// The same call ends.
    pub(crate) fn end_async_call(&mut self) {
        // SAFETY: as in `begin_async_call`.
        unsafe { self.cells.as_mut() }.fibers.calls -= 1;
    }
}

/// A fiber for a call, not started.
fn new_record(
    store: *mut VMStoreContext,
    stack: Stack,
    entrance: Entrance,
    func: FunctionImport,
    args: OwnedSlots,
) -> NonNull<FiberRecord> {
    let record = NonNull::from(Box::leak(Box::new(FiberRecord {
        store,
        place: 0,
        fiber: None,
        state: FiberState::new(StackState {
            entry: ptr::null_mut(),
            exit_fp: 0,
            exit_pc: 0,
            limit: 0,
            fiber: ptr::null_mut(),
        }),
        thread: ThreadKind::New,
        func,
        entrance,
        args,
        base: ptr::null_mut(),
        suspender: None,
        hosted: None,
        cx: ptr::null_mut(),
        sp: 0,
        resumer_sp: 0,
        resumer: ptr::null_mut(),
    })));
    let this = record.as_ptr();
    let fiber = Fiber::new(stack, move |suspender: Suspender<'_, (), ()>, ()| {
        // SAFETY: a fiber is freed before its record, so the latter is alive while the former runs.
        unsafe { body(this, suspender) }
    });
    // SAFETY: the record was made just now, and nobody else knows it.
    unsafe { (*this).fiber = Some(fiber) };
    record
}

/// What a fiber does. Whether wasm returned.
///
/// # Safety
/// Called on the fiber of `record`, which [`resume`] resumed.
unsafe fn body(record: *mut FiberRecord, suspender: Suspender<'_, (), ()>) -> bool {
    // SAFETY: the caller answers for the record. Its function belongs to the store, as whoever made
    // it promised; its arguments are enough (`invoke_async`) and stay where they are.
    unsafe {
        (*record).suspender = Some(suspender.into_raw());
        enter_on_fiber(
            (*record).store,
            (*record).entrance.trampoline,
            (*record).func.code.as_ptr(),
            (*record).func.vmctx.as_ptr(),
            (*record).args.as_mut_ptr(),
            &raw mut (*record).base,
        )
    }
}

impl Future for FiberCall<'_> {
    type Output = Result<OwnedSlots>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<OwnedSlots>> {
        let Some(record) = self.record else {
            return Poll::Ready(Err(anyhow!(
                "an asynchronous call was polled after its end"
            )));
        };
        // A thread that it has not run on yet may have no stack for signals.
        sys::prepare_thread()?;
        let record = record.as_ptr();
        // SAFETY: the record is alive until it is freed below or in `drop`; the store is borrowed
        // by `self`, and the context is that store's.
        unsafe {
            let context = (*record).store;
            let _current = CurrentStore::enter(context, self.opaque.cast::<c_void>());
            let Step::Finished(returned) = resume(record, cx) else {
                return Poll::Pending;
            };
            let args = mem::replace(&mut (*record).args, OwnedSlots::new(0));
            let vmctx = (*record).func.vmctx.as_ptr();
            self.record = None;
            free(record);
            Poll::Ready(match returned {
                true => Ok(args),
                false => Err(take_failure(context, vmctx)),
            })
        }
    }
}

impl Drop for FiberCall<'_> {
    fn drop(&mut self) {
        if let Some(record) = self.record {
            let record = record.as_ptr();
            // The stack goes also if the host's future panics.
            let free = FreeOnDrop(record);
            // SAFETY: the record is alive until it is freed; its fiber does not run, for it does
            // so only while `self` is polled.
            drop(unsafe { (*record).hosted.take() });
            drop(free);
        }
    }
}

/// Frees a fiber that nobody will resume.
struct FreeOnDrop(*mut FiberRecord);

impl Drop for FreeOnDrop {
    fn drop(&mut self) {
        // SAFETY: whoever made this has the record and gives it up.
        unsafe { free(self.0) };
    }
}

/// Runs a fiber until it is suspended or ends.
///
/// # Safety
/// The fiber is not running and has not ended; its store, which is alive, is the innermost one
/// that runs ([`CurrentStore`]), and exclusively borrowed until this returns. Wherever the fiber
/// was suspended, it may go on.
unsafe fn resume(record: *mut FiberRecord, cx: &mut Context<'_>) -> Step<(), bool> {
    let here = 0usize;
    // SAFETY: the caller answers for the record and its store; nothing else uses the cells now. The
    // base record is in a frame of the fiber, which waits. While the fiber runs, no reference to
    // the record but the one to `fiber` exists.
    unsafe {
        let context = (*record).store;
        let bounds = match &(*record).fiber {
            Some(fiber) => fiber.stack_bounds(),
            None => unreachable!("a record has its fiber until it is freed"),
        };
        let fibers = &raw mut (*StoreCells::of(context)).fibers;
        (*record).resumer = (*fibers).current;
        (*record).resumer_sp = below(&raw const here, sys::stack_low());
        (*record).sp = 0;
        (*record).cx = ptr::from_mut(cx).cast();
        (*fibers).missed_yields = 0;
        match NonNull::new((*record).base) {
            Some(base) => {
                (*base.as_ptr()).previous = (*context).entry;
                (*base.as_ptr()).previous_exit_fp = (*context).exit_fp;
                (*base.as_ptr()).previous_exit_pc = (*context).exit_pc;
            }
            None => {
                let reserve = HOST_STACK_RESERVE.min(bounds.size() / 2);
                let share = (*StoreCells::of(context)).max_wasm_stack;
                let lowest = bounds.limit.get() + reserve;
                (*record).state.stack = StackState {
                    entry: (*context).entry,
                    exit_fp: (*context).exit_fp,
                    exit_pc: (*context).exit_pc,
                    limit: bounds.top.get().saturating_sub(share).max(lowest),
                    fiber: record,
                };
            }
        }
        let running = Running {
            context,
            slots: match (*record).thread {
                ThreadKind::New => SlotsOf::component((*record).func.vmctx.as_ptr()),
                ThreadKind::Same => None,
            },
        };
        let _place = OnStack::of(context, bounds.limit.get());
        let resumed = Resumed::begin(running, &mut (*record).state);
        let step = match &mut (*record).fiber {
            Some(fiber) => fiber.resume(()),
            None => unreachable!("as above"),
        };
        match step {
            Step::Suspended(()) => resumed.suspend(&mut (*record).state),
            Step::Finished(_) => drop(resumed),
        }
        (*record).cx = ptr::null_mut();
        step
    }
}

/// While it lives, this thread is on a fiber's stack, in a store: as signal handlers and checks of
/// the stack see it.
struct OnStack {
    outer: *mut VMStoreContext,
    low: usize,
}

impl OnStack {
    fn of(context: *mut VMStoreContext, low: usize) -> OnStack {
        OnStack {
            outer: activation::enter(context),
            low: sys::set_stack_low(low),
        }
    }
}

impl Drop for OnStack {
    fn drop(&mut self) {
        sys::set_stack_low(self.low);
        activation::leave(self.outer);
    }
}

/// Gets at the running copies in a store, on behalf of a thread of one of its components.
struct Running {
    context: *mut VMStoreContext,
    slots: Option<SlotsOf>,
}

impl RunningStack for Running {
    fn slots(&mut self) -> Option<&mut ContextSlots> {
        self.slots.as_mut().map(RunningSlots::slots)
    }

    fn stack(&self) -> StackState {
        // SAFETY: made by `resume`, whose caller answers for the context until that returns.
        unsafe {
            StackState {
                entry: (*self.context).entry,
                exit_fp: (*self.context).exit_fp,
                exit_pc: (*self.context).exit_pc,
                limit: (*self.context).stack_limit.load(Ordering::Relaxed),
                fiber: (*StoreCells::of(self.context)).fibers.current,
            }
        }
    }

    fn set_stack(&mut self, stack: &StackState) {
        // SAFETY: as in `stack`.
        unsafe {
            (*self.context).entry = stack.entry;
            (*self.context).exit_fp = stack.exit_fp;
            (*self.context).exit_pc = stack.exit_pc;
            let limit = &(*self.context).stack_limit;
            limit.store(stack.limit, Ordering::Relaxed);
            (*StoreCells::of(self.context)).fibers.current = stack.fiber;
        }
    }
}

/// The fiber that runs, if it can be suspended here.
///
/// # Safety
/// `context` is that of a store whose compiled code called the host function that this thread
/// runs.
unsafe fn suspendable(context: *mut VMStoreContext) -> Option<NonNull<FiberRecord>> {
    // SAFETY: the caller answers for the context; a current fiber's record is alive.
    unsafe {
        let record = NonNull::new((*StoreCells::of(context)).fibers.current)?;
        ((*context).entry == (*record.as_ptr()).base).then_some(record)
    }
}

/// Goes back to the fiber's resumer, until it is resumed.
///
/// # Safety
/// `record` is what [`suspendable`] gave here. No frame on the fiber's stack owns anything, and
/// nobody relies on any of them to return.
unsafe fn suspend(record: *mut FiberRecord) {
    let here = 0usize;
    // SAFETY: the fiber runs, so its suspender is there, of these types; this is called on it.
    unsafe {
        let bounds = (*record).fiber.as_ref().map(Fiber::stack_bounds);
        let limit = bounds.map_or(0, |bounds| bounds.limit.get());
        (*record).sp = below(&raw const here, limit);
        if let Some(raw) = (*record).suspender {
            Suspender::<(), ()>::from_raw(raw).suspend(());
        }
    }
}

/// An address below a frame with this local, so that what a switch leaves on the stack is above;
/// at least `limit`.
fn below(here: *const usize, limit: usize) -> usize {
    here.addr().saturating_sub(BELOW_SWITCH).max(limit)
}

/// Waits for a host function that is a future, on behalf of the guest that called it.
///
/// # Errors
/// The future's own, or if it is pending where nothing can be suspended: the guest was entered by a
/// plain call.
///
/// # Safety
/// `context` is that of a store whose compiled code called the host function that this thread
/// runs. Its frames own nothing.
pub(super) unsafe fn block_on(context: *mut VMStoreContext, future: HostFuture<'_>) -> Result<()> {
    // SAFETY: the future ends before what it has borrowed does: that is borrowed until the host
    // function returns, which is after this, or until its frame is taken away, before which
    // `FiberCall::drop` drops it; or else it is never touched again.
    let mut future = unsafe { mem::transmute::<HostFuture<'_>, HostFuture<'static>>(future) };
    // SAFETY: passed on.
    let Some(record) = (unsafe { suspendable(context) }) else {
        let cx = &mut Context::from_waker(Waker::noop());
        return match future.as_mut().poll(cx) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(anyhow!(
                "a host function is not ready, and the guest that called it can't wait for it: \
                 enter the guest with `call_async` (or `instantiate_async`), and not from within a \
                 host function that is no future"
            )),
        };
    };
    let record = record.as_ptr();
    // SAFETY: the record is alive while its fiber runs. Its future is used by this alone, until it
    // is ready; the context is that of the poll which resumed the fiber last.
    unsafe {
        (*record).hosted = Some(future);
        loop {
            let poll = {
                let end = EndOnUnwind(record);
                let cx = &mut *(*record).cx.cast::<Context<'_>>();
                let poll = match &mut (*record).hosted {
                    Some(future) => future.as_mut().poll(cx),
                    None => unreachable!("put there above, and taken below only"),
                };
                mem::forget(end);
                poll
            };
            if let Poll::Ready(result) = poll {
                drop((*record).hosted.take());
                return result;
            }
            suspend(record);
        }
    }
}

/// Drops the future of a fiber when polling it panics.
struct EndOnUnwind(*mut FiberRecord);

impl Drop for EndOnUnwind {
    fn drop(&mut self) {
        // SAFETY: made by `block_on`, on the fiber that the record is of.
        drop(unsafe { (*self.0).hosted.take() });
    }
}

/// What became of an intent to yield.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Yielded {
    /// The executor had its turn.
    Yes,
    /// Wasm can't be suspended here, in an asynchronous call, and may go on.
    Missed,
    /// It can't, and has gone on too often.
    TooOften,
    /// No asynchronous call is being made.
    PlainCall,
}

/// Lets the executor do something else.
///
/// # Safety
/// As for [`block_on`].
pub(super) unsafe fn yield_now(context: *mut VMStoreContext) -> Yielded {
    // SAFETY: passed on; the fiber's context is that of the poll which resumed it last.
    unsafe {
        if let Some(record) = suspendable(context) {
            let record = record.as_ptr();
            let cx = &*(*record).cx.cast::<Context<'_>>();
            cx.waker().wake_by_ref();
            suspend(record);
            return Yielded::Yes;
        }
        let fibers = &mut (*StoreCells::of(context)).fibers;
        if fibers.all.is_empty() && fibers.calls == 0 {
            return Yielded::PlainCall;
        }
        fibers.missed_yields += 1;
        match fibers.missed_yields > MAX_MISSED_YIELDS {
            true => Yielded::TooOften,
            false => Yielded::Missed,
        }
    }
}

/// Frees a fiber and its record; nothing of it runs.
///
/// # Safety
/// The record is alive and not used any more; its fiber doesn't run. If it is suspended, what the
/// host was doing for it has been dropped, or never will be.
unsafe fn free(record: *mut FiberRecord) {
    // SAFETY: the caller gives the record up; it was made by `new_record`, and is in its store's
    // list, at its place. A suspended fiber's frames are deallocated: they own nothing and nobody
    // relies on them (module documentation); pointers into them are in the record, which goes, too.
    unsafe {
        let mut record = Box::from_raw(record);
        let fibers = &mut (*StoreCells::of(record.store)).fibers;
        fibers.all.swap_remove(record.place);
        if let Some(moved) = fibers.all.get(record.place) {
            (*moved.as_ptr()).place = record.place;
        }
        let Some(fiber) = record.fiber.take() else {
            return;
        };
        let stack = match fiber.into_stack() {
            Ok(stack) => stack,
            Err(fiber) => fiber.abandon(),
        };
        if fibers.idle.len() < MAX_IDLE {
            fibers.idle.push(stack);
        }
    }
}

/// Frees all fibers of a store, which whoever made the calls has forgotten.
///
/// # Safety
/// No wasm of the store runs, and nobody will poll these calls.
pub(super) unsafe fn abandon_all(context: *mut VMStoreContext) {
    // SAFETY: the caller answers for the context. A call's record is freed with its `FiberCall`;
    // those that are left were forgotten.
    unsafe {
        let fibers = &raw mut (*StoreCells::of(context)).fibers;
        while let Some(&record) = (*fibers).all.last() {
            // What it has borrowed may be gone, so it is forgotten like its call.
            mem::forget((*record.as_ptr()).hosted.take());
            free(record.as_ptr());
        }
    }
}

/// The addresses of all stacks that have frames of a store: of the running one from `here`.
///
/// # Safety
/// `context` is that of the store that this thread runs.
pub(super) unsafe fn stacks_of(context: *mut VMStoreContext, here: usize) -> Vec<Range<usize>> {
    let mut stacks = Vec::new();
    let mut add = |low: usize, high: usize| {
        stacks.push(low.next_multiple_of(size_of::<usize>())..high);
    };
    // SAFETY: the records of entries are in frames of `enter` and `enter_on_fiber` that have not
    // returned, and their trampolines have filled them in before they called what led here. Those
    // of fibers are alive. All fibers that have started and don't run are suspended, or have
    // resumed another: the latter are those found on the way out from the current one.
    unsafe {
        let fibers = &(*StoreCells::of(context)).fibers;
        let mut here = here;
        let mut entry: *const VMEntryRecord = (*context).entry;
        let mut fiber = fibers.current;
        while let Some(record) = fiber.as_ref() {
            if let Some(base) = record.base.as_ref() {
                add(here, base.handler_fp);
                entry = base.previous;
            }
            here = record.resumer_sp;
            fiber = record.resumer;
        }
        let mut outermost = here;
        while let Some(record) = entry.as_ref() {
            outermost = record.handler_fp;
            entry = record.previous;
        }
        add(here, outermost);
        for record in &fibers.all {
            let record = &*record.as_ptr();
            if let (true, Some(base)) = (record.sp != 0, record.base.as_ref()) {
                add(record.sp, base.handler_fp);
            }
        }
    }
    stacks
}

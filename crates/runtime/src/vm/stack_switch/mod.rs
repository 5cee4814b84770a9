//! Guests on stacks of their own, which they can be suspended on.
//!
//! ```text
//!   stack of the operating system's thread          stack of a guest
//!   ──────────────────────────────────────          ────────────────
//!   poll, event loop, a built-in …                  Top: VMEntryRecord, slots
//!     resume_guest / FiberCall::poll                begin_call
//!       resume          Resumption, Resumed           HostToWasm    a trap ends here
//!         switch_to_guest ── guest_sp ──────────────▶   wasm …
//!           host function ◀── host_sp ───────────────     exit trampoline, call_on_host_stack
//!             …                                       ▼
//! ```
//!
//! *A guest's stack carries frames of compiled code and nothing else.* Whatever the host does for the
//! guest runs on the stack of the thread of the operating system, below the frames of [`resume`]:
//! built-ins, an embedder's functions, lifting and lowering, polling of futures. A host function is
//! called through `sys::arch::call_on_host_stack`, or, if it may switch threads, `call_and_switch`. So
//! a guest can't choose how much stack the host has, and a suspended stack can be taken away from its
//! thread at any time: nothing on it owns anything.
//!
//! *A switch is a host function that returns to another stack.* A built-in whose thread blocks gives an
//! [`Answer`](crate::concurrent::Answer). [`answer()`] saves what the thread owns, asks the scheduler's driver which thread goes on
//! in its place (`StoreOpaque::next_in_place`), does what is left to do for that thread
//! (`StoreOpaque::complete`), and returns that thread's result; the way back loads that thread's stack
//! pointer. If no thread goes on in its place, the way back leads to [`resume`], which returns.
//!
//! *Two kinds of work run so*: asynchronous calls ([`call`]), and guest threads ([`guest`]), which make
//! one call after the other. Either may wait for the host ([`wait`]): then its [`resume`] returns, and
//! if that was called by a built-in, the built-in's guest waits in turn, and so on to the executor.
//!
//! *Threads of the operating system.* A stack may go on on another one: no frame of the host is on it.

mod answer;
mod call;
mod guest;
mod suspended_frames;
mod wait;

pub(in crate::vm) use answer::{ExitSite, answer, call_finished};
pub(crate) use guest::{GuestStack, GuestStackPtr, GuestStep};
pub(in crate::vm) use wait::{Yielded, wait_for, yield_now};

use super::activation;
use super::call_slots::OwnedSlots;
use super::core_instance::FunctionImport;
use super::entry::{SlotsOf, check_host_stack};
use super::invoke::Entrance;
use super::store_state::StoreCells;
use super::val_raw;
use crate::concurrent::switch::{FiberState, Resumed, RunningSlots, RunningStack, StackState};
use crate::concurrent::{After, MAX_SLOTS};
use crate::store::StoreOpaque;
use anyhow::{Context as _, Result};
use std::any::Any;
use std::ffi::c_void;
use std::mem;
use std::ops::Range;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering;
use std::task::Context;
use threadline_environ::layout::{ContextSlots, VMEntryRecord, VMStoreContext, ValRaw};
use threadline_fiber::Stack;

/// How many stacks a store keeps for its next guests.
const MAX_IDLE: usize = 16;

/// How many records a store keeps for its next guests.
const MAX_SPARE: usize = 256;

/// How often in a row wasm goes on at its deadline where it should yield but can't.
const MAX_MISSED_YIELDS: u32 = 16;

/// Bytes of a guest's stack below its limit. Compiled code that is not checked against the limit uses
/// them: trampolines, whose arrays have 1,000 slots at most, and functions that call nothing. So does a
/// signal handler of the embedder's that has no stack of its own.
const GUEST_STACK_RESERVE: usize = 24 << 10;

/// What a host function that is a future gives.
pub(crate) type HostFuture<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// The guests' stacks of a store.
pub(super) struct Fibers {
    /// Whose stack runs, or is about to; null if the stack of the thread of the operating system does.
    current: *mut FiberRecord,
    /// By whom it was resumed; null if it was by nobody.
    resumption: *const Resumption,
    /// All that have not ended, in no order.
    all: Vec<NonNull<FiberRecord>>,
    /// For the next ones.
    idle: Vec<Stack>,
    /// Records for the next ones.
    spare: Vec<NonNull<FiberRecord>>,
    /// Why the innermost [`resume`] is about to return.
    report: Report,
    /// How often in a row wasm could not yield.
    missed_yields: u32,
    /// How many of `all` are guest threads.
    guests: usize,
    /// How many asynchronous calls are being made of which more belongs together than a stack.
    calls: usize,
    /// The `Context` of the innermost poll that turns this store; null where nothing can wait for
    /// the host.
    cx: *mut c_void,
}

impl Default for Fibers {
    fn default() -> Fibers {
        Fibers {
            current: ptr::null_mut(),
            resumption: ptr::null(),
            all: Vec::new(),
            idle: Vec::new(),
            spare: Vec::new(),
            report: Report::Stopped,
            missed_yields: 0,
            guests: 0,
            calls: 0,
            cx: ptr::null_mut(),
        }
    }
}

/// Why the resumer of a guest goes on.
enum Report {
    /// A guest thread has blocked or ended, and no other goes on in its place.
    Stopped,
    /// The host is waited for: everything in the store waits. The stack that goes on then.
    Waits(NonNull<FiberRecord>),
    /// An asynchronous call has returned, or failed.
    Returned(bool),
    /// The current guest thread has failed, and has no frames left.
    Failed(Box<dyn Any + Send>),
}

/// What runs on a stack of its own. It is on the heap and reached by pointers only, because its store
/// lists it.
pub(crate) struct FiberRecord {
    store: *mut VMStoreContext,
    /// Its place in [`Fibers::all`].
    place: usize,
    /// Of a guest thread, while it has frames.
    stack: Option<Stack>,
    state: FiberState,
    /// The slots of the component whose slots it has its own copy of; null if it shares those of its
    /// caller.
    slots: *mut ContextSlots,
    /// Whether it is an asynchronous call, which has a stack from its beginning to its end; otherwise it
    /// is a guest thread.
    is_call: bool,
    /// The entry at the top of its stack, in a [`Top`], while it has frames.
    base: *mut VMEntryRecord,
    /// Whether it has frames, and neither runs nor has resumed what runs.
    is_suspended: bool,
}

/// An asynchronous call of one function.
struct Call {
    func: FunctionImport,
    entrance: Entrance,
    args: OwnedSlots,
}

/// What is at the top of a guest's stack while that has frames.
#[repr(C, align(16))]
struct Top {
    record: VMEntryRecord,
    /// The call of a host function that the guest goes on from.
    site: ExitSite,
    /// What is left to do for that when it goes on.
    after: After,
    /// The host function's future, which is polled then.
    future: Option<HostFuture<'static>>,
    /// Of an asynchronous call, also before it has frames and when it has none any more.
    call: Option<Call>,
    /// Parameters and results of the function that a guest thread calls.
    slots: [ValRaw; MAX_SLOTS],
}

/// The [`Top`] of the stack of a guest that has frames.
///
/// # Safety
/// The record is alive, and nothing else uses the top of its stack while the result is used.
#[inline]
unsafe fn frames<'a>(record: *const FiberRecord) -> Option<&'a mut Top> {
    // SAFETY: the caller answers for the record; `base` is the first field of a `Top`.
    unsafe { (*record).base.cast::<Top>().as_mut() }
}

/// The asynchronous call that a record is of, if it is of one, which it is not any more.
///
/// # Safety
/// The record is alive, and nothing else uses the top of its stack now.
unsafe fn take_call(record: *mut FiberRecord) -> Option<Call> {
    // SAFETY: the caller answers for the record. A call is put at the top of its stack as soon as it
    // has that.
    unsafe {
        match std::mem::take(&mut (*record).is_call) {
            true => (*top_of((*record).stack.as_ref()?)).call.take(),
            false => None,
        }
    }
}

/// The future that a guest waits for, if there is one, which it does not wait for any more.
///
/// # Safety
/// As for [`frames`].
unsafe fn take_future(record: *const FiberRecord) -> Option<HostFuture<'static>> {
    // SAFETY: passed on.
    unsafe { frames(record)?.future.take() }
}

/// The [`Top`] of a stack.
fn top_of(stack: &Stack) -> *mut Top {
    let top = stack.bounds().top.get() - size_of::<Top>();
    ptr::with_exposed_provenance_mut(top - top % align_of::<Top>())
}

impl StoreOpaque {
    /// A stack for a guest. What is in its slots is a value of an earlier call of this store's, or zero.
    ///
    /// # Errors
    /// If there is none.
    #[inline]
    fn take_stack(&mut self) -> Result<Stack> {
        // SAFETY: the cells live as long as the store; compiled code doesn't run meanwhile.
        let fibers = unsafe { &mut self.vm_mut().cells.as_mut().fibers };
        match fibers.idle.pop() {
            Some(stack) => Ok(stack),
            None => self.acquire_stack(),
        }
    }

    #[cold]
    fn acquire_stack(&mut self) -> Result<Stack> {
        let stack = self.engine().stacks().acquire();
        let stack = stack.context("no stack for an asynchronous call or a guest thread")?;
        // SAFETY: nobody else has the stack, which is larger than what is at its top.
        unsafe { (&raw mut (*top_of(&stack)).slots).write([val_raw::ZERO; MAX_SLOTS]) };
        Ok(stack)
    }
}

/// A record without a stack, in its store's list.
///
/// # Safety
/// `store` is a live store's context, and nothing else uses its cells now.
unsafe fn new_record(
    store: *mut VMStoreContext,
    is_call: bool,
    slots: *mut ContextSlots,
) -> NonNull<FiberRecord> {
    // SAFETY: passed on. A spare record is nobody's.
    unsafe {
        let fibers = &mut (*StoreCells::of(store)).fibers;
        let place = fibers.all.len();
        let record = match fibers.spare.pop() {
            Some(record) => {
                let spare = &mut *record.as_ptr();
                spare.place = place;
                spare.state = FiberState::new();
                spare.slots = slots;
                spare.is_call = is_call;
                record
            }
            None => NonNull::from(Box::leak(Box::new(FiberRecord {
                store,
                place,
                stack: None,
                state: FiberState::new(),
                slots,
                is_call,
                base: ptr::null_mut(),
                is_suspended: false,
            }))),
        };
        fibers.all.push(record);
        record
    }
}

/// While it lives, guests of the store that is turned can wait for the host, by this poll.
struct PollContext {
    context: *mut VMStoreContext,
    outer: *mut c_void,
}

impl PollContext {
    /// `None` stands for a plain call, in which nothing can wait.
    ///
    /// # Safety
    /// `context` is a live store's, and lives longer than the result.
    unsafe fn enter(context: *mut VMStoreContext, cx: Option<&mut Context<'_>>) -> PollContext {
        let cx = cx.map_or(ptr::null_mut(), |cx| ptr::from_mut(cx).cast());
        // SAFETY: the caller answers for the context; nothing else uses the cells now.
        let outer = unsafe { mem::replace(&mut (*StoreCells::of(context)).fibers.cx, cx) };
        PollContext { context, outer }
    }
}

impl Drop for PollContext {
    fn drop(&mut self) {
        // SAFETY: as in `enter`.
        unsafe { (*StoreCells::of(self.context)).fibers.cx = self.outer };
    }
}

/// The resumer of a guest, in a frame of [`resume`]: the same for all that go on in its place.
struct Resumption {
    /// What the resumer owns.
    stack: StackState,
    /// `VMStoreContext::host_sp`, for when the resumer goes on.
    host_sp: *mut u8,
    /// The slots of the component whose threads may go on in each other's place.
    slots: *mut ContextSlots,
    /// By whom the resumer was resumed.
    outer: *const Resumption,
}

/// While it lives, a [`Resumption`] is the innermost one.
struct Resuming {
    context: *mut VMStoreContext,
    resumption: *const Resumption,
}

impl Resuming {
    /// # Safety
    /// `context` is a live store's; it and the resumption outlive the result.
    unsafe fn begin(context: *mut VMStoreContext, resumption: &Resumption) -> Resuming {
        let resumption: *const Resumption = resumption;
        // SAFETY: the caller answers for them; nothing else uses the cells now.
        unsafe {
            (*StoreCells::of(context)).fibers.resumption = resumption;
            // Not null: the stack of the operating system's thread is not the guest's.
            (*context).host_sp = resumption.cast_mut().cast();
        }
        Resuming {
            context,
            resumption,
        }
    }
}

impl Drop for Resuming {
    fn drop(&mut self) {
        // SAFETY: as in `begin`.
        unsafe {
            (*StoreCells::of(self.context)).fibers.resumption = (*self.resumption).outer;
            (*self.context).host_sp = (*self.resumption).host_sp;
        }
    }
}

/// Runs a guest until it, or one that has gone on in its place, stops and no other one does.
///
/// # Errors
/// If too little is left of the stack of the thread of the operating system.
///
/// # Safety
/// The guest is not running and has not ended; its store, which is alive, is the innermost one
/// that runs ([`CurrentStore`]), and exclusively borrowed until this returns. Wherever the guest
/// was suspended, it may go on.
///
/// [`CurrentStore`]: super::invoke::CurrentStore
unsafe fn resume(record: *mut FiberRecord) -> Result<Report> {
    // SAFETY: the caller answers for the record and its store; nothing else uses the cells now.
    // While a guest runs, no reference to its record exists.
    unsafe {
        let context = (*record).store;
        check_host_stack(context)?;
        let fibers = &raw mut (*StoreCells::of(context)).fibers;
        (*fibers).missed_yields = 0;
        let running = Running::of(record);
        let resumption = Resumption {
            stack: running.stack(),
            host_sp: (*context).host_sp,
            slots: (*record).slots,
            outer: (*fibers).resumption,
        };
        let _resuming = Resuming::begin(context, &resumption);
        let _resumed = Resumed::begin(running);
        activation::during(context, || answer::begin(context, record));
        Ok(mem::replace(&mut (*fibers).report, Report::Stopped))
    }
}

/// Makes a guest the running one, in the place of the one that ran under the same resumption.
///
/// # Safety
/// The record is alive and doesn't run; what the running one owns has been saved, or is gone. There is
/// a resumption.
#[inline]
unsafe fn enter(record: *mut FiberRecord) {
    // SAFETY: the caller answers for the record; the entry is at the top of its stack.
    unsafe {
        let mut running = Running::of(record);
        let resumer = &(*(*StoreCells::of(running.context)).fibers.resumption).stack;
        (*record).is_suspended = false;
        match NonNull::new((*record).base) {
            Some(base) => {
                (*base.as_ptr()).previous = resumer.entry;
                (*base.as_ptr()).previous_exit_fp = resumer.exit_fp;
                (*base.as_ptr()).previous_exit_pc = resumer.exit_pc;
                let state = &mut (*record).state;
                state.enter(&mut running, base.as_ptr(), record);
            }
            None => (*record).state.begin(&mut running, resumer, record),
        }
    }
}

/// Takes what the running guest owns into its record.
///
/// # Safety
/// The record is that of the guest that runs. Another one is entered before anything runs, or the
/// resumer goes on.
#[inline]
unsafe fn leave(record: *mut FiberRecord) {
    // SAFETY: the caller's word.
    unsafe {
        let base = (*record).base;
        debug_assert!(base.is_null() || (*(*record).store).entry == base);
        (*record).is_suspended = !base.is_null();
        (*record).state.leave(&mut Running::of(record));
    }
}

/// Gets at the running copies in a store, on behalf of a thread of one of its components.
struct Running {
    context: *mut VMStoreContext,
    slots: Option<SlotsOf>,
}

impl Running {
    /// # Safety
    /// The record is alive, and its store is for as long as the result is used.
    #[inline]
    unsafe fn of(record: *const FiberRecord) -> Running {
        // SAFETY: the caller answers for the record, whose slots are of a component of its store.
        unsafe {
            Running {
                context: (*record).store,
                slots: SlotsOf::new((*record).slots),
            }
        }
    }
}

impl RunningStack for Running {
    #[inline]
    fn slots(&mut self) -> Option<&mut ContextSlots> {
        self.slots.as_mut().map(RunningSlots::slots)
    }

    #[inline]
    fn stack(&self) -> StackState {
        // SAFETY: made by functions whose callers answer for the context until they return.
        unsafe {
            StackState {
                entry: (*self.context).entry,
                exit_fp: (*self.context).exit_fp,
                exit_pc: (*self.context).exit_pc,
                limit: (*self.context).stack_limit.load(Ordering::Relaxed),
                sp: (*self.context).guest_sp,
                fiber: (*StoreCells::of(self.context)).fibers.current,
            }
        }
    }

    #[inline]
    fn set_stack(&mut self, stack: &StackState) {
        // SAFETY: as in `stack`.
        unsafe {
            (*self.context).entry = stack.entry;
            (*self.context).exit_fp = stack.exit_fp;
            (*self.context).exit_pc = stack.exit_pc;
            let limit = &(*self.context).stack_limit;
            limit.store(stack.limit, Ordering::Relaxed);
            (*self.context).guest_sp = stack.sp;
            (*StoreCells::of(self.context)).fibers.current = stack.fiber;
        }
    }
}

/// The lowest address of the stack of the guest that runs, if it has one of its own. For signal
/// handlers.
///
/// # Safety
/// `context` is that of the store that this thread is in.
pub(super) unsafe fn running_stack_limit(context: *const VMStoreContext) -> Option<usize> {
    // SAFETY: the caller answers for the context; a current guest's record is alive.
    unsafe {
        let record = (*StoreCells::of(context.cast_mut())).fibers.current;
        let stack = record.as_ref()?.stack.as_ref()?;
        Some(stack.bounds().limit.get())
    }
}

/// The guest that runs, if it can be suspended here: its wasm has called the host function that runs,
/// and is not waiting for that to return from wasm that it has called in turn.
///
/// # Safety
/// `context` is that of a store whose compiled code called the host function that this thread
/// runs.
unsafe fn suspendable(context: *mut VMStoreContext) -> Option<NonNull<FiberRecord>> {
    // SAFETY: the caller answers for the context; a current guest's record is alive.
    unsafe {
        let record = NonNull::new((*StoreCells::of(context)).fibers.current)?;
        ((*context).entry == (*record.as_ptr()).base).then_some(record)
    }
}

/// Frees a record, and its stack if it has one; nothing of it runs.
///
/// # Safety
/// The record is alive and not used any more. Its future has been dropped, which may use the stack and the
/// store, or forgotten.
unsafe fn free(record: *mut FiberRecord) {
    // SAFETY: the caller gives the record up; it was made by `new_record`, and is in its store's
    // list, at its place. Frames on the stack are of compiled code, which owns nothing.
    unsafe {
        debug_assert!(take_future(record).is_none());
        let fibers = &mut (*StoreCells::of((*record).store)).fibers;
        let place = (*record).place;
        fibers.all.swap_remove(place);
        if let Some(moved) = fibers.all.get(place) {
            (*moved.as_ptr()).place = place;
        }
        drop(take_call(record));
        if let Some(stack) = (*record).stack.take() {
            fibers.keep_stack(stack);
        }
        match NonNull::new(record) {
            Some(spare) if fibers.spare.len() < MAX_SPARE => {
                (*record).base = ptr::null_mut();
                (*record).is_suspended = false;
                fibers.spare.push(spare);
            }
            _ => drop(Box::from_raw(record)),
        }
    }
}

impl Fibers {
    /// Keeps a stack for the next guest, or gives it back to the engine.
    #[inline]
    fn keep_stack(&mut self, stack: Stack) {
        if self.idle.len() < MAX_IDLE {
            self.idle.push(stack);
        }
    }
}

impl Drop for Fibers {
    fn drop(&mut self) {
        for record in self.spare.drain(..) {
            // SAFETY: `new_record` made it, and it is nobody's.
            drop(unsafe { Box::from_raw(record.as_ptr()) });
        }
    }
}

/// Frees all guests' records of a store: those that were forgotten by the functions that made the
/// calls.
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
            mem::forget(take_future(record.as_ptr()));
            free(record.as_ptr());
        }
    }
}

/// The addresses of all stacks that have frames of a store: of the running one of the host's from
/// `here`.
///
/// # Safety
/// `context` is that of the store that this thread runs.
pub(super) unsafe fn stacks_of(context: *mut VMStoreContext, here: usize) -> Vec<Range<usize>> {
    let mut stacks = Vec::new();
    let mut add = |low: usize, high: usize| {
        stacks.push(low.next_multiple_of(size_of::<usize>())..high);
    };
    // SAFETY: the records of entries are in frames of `enter` that have not returned, or at the top of
    // guests' stacks that have frames; their trampolines have filled them in before they called what
    // led here. Resumptions are in frames of `resume` that have not returned. A guest that isn't
    // suspended and has frames runs, or has called the host function that resumed what runs.
    unsafe {
        let fibers = &(*StoreCells::of(context)).fibers;
        let mut entry: *const VMEntryRecord = (*context).entry;
        let (mut fiber, mut sp) = (fibers.current, (*context).guest_sp);
        let mut resumption = fibers.resumption;
        let mut outermost = here;
        loop {
            let base = match fiber.as_ref() {
                Some(record) => record.base.cast_const(),
                None => ptr::null(),
            };
            if fiber.is_null() || !base.is_null() {
                // Entries on the stack of the host, made by functions that this guest has called.
                while let Some(record) = entry.as_ref()
                    && !ptr::eq(entry, base)
                {
                    outermost = outermost.max(record.handler_fp);
                    entry = record.previous;
                }
            }
            if let Some(base) = base.as_ref() {
                add(sp.addr(), base.handler_fp);
                entry = base.previous;
            }
            let Some(by) = resumption.as_ref().filter(|_| !fiber.is_null()) else {
                break;
            };
            outermost = outermost.max(resumption.addr());
            (fiber, sp) = (by.stack.fiber, by.stack.sp);
            resumption = by.outer;
        }
        add(here, outermost);
        for record in &fibers.all {
            let record = &*record.as_ptr();
            if record.is_suspended
                && let Some(base) = record.base.as_ref()
            {
                add(record.state.stack.sp.addr(), base.handler_fp);
            }
        }
    }
    stacks
}

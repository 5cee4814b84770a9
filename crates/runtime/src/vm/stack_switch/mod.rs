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
//! There are two kinds of them: asynchronous calls ([`call`]), and guest threads ([`guest`]), which
//! are resumed by whoever drives the scheduler and make one call after the other. Either is
//! suspended to let the host wait ([`wait`]); then its resumer, if it is on a fiber itself, is
//! suspended in the same way, and so on to the executor. Guest threads block, too: then their
//! resumer goes on.
//!
//! *What is on a suspended stack* is what the picture shows, and no more: a fiber can be suspended
//! only where its own first entry is its innermost one ([`suspendable`]), so no frame of an
//! embedder's host function, nor of the code that lifts and lowers, lies between. The frames of
//! ours that do (the fiber's body, `enter_on_fiber`, a shim with its `catch`, `block_on`, and what
//! drives the scheduler in `crate::concurrent`) own nothing: the host's future, with all that it
//! captures, and the call's arguments are in the [`FiberRecord`], which is on the heap, and all
//! else is in the store. So a stack can be taken away from its fiber without running anything.
//!
//! *Threads of the operating system.* A fiber may go on on another one. Nothing on it holds on to
//! a thread-local: `enter_on_fiber` does without the activation, which [`resume`] sets instead, and
//! futures are polled from beginning to end between two switches.
//!
//! A future is polled on the fiber. When it makes an asynchronous call of its own, that call's
//! fiber is resumed from this one, so resumers nest as calls do, and backtraces cross.

mod call;
mod guest;
mod suspended_frames;
mod wait;

pub(crate) use guest::{GuestRelation, GuestStack, GuestStackPtr, GuestStep};
pub(in crate::vm) use wait::{Yielded, block_on, yield_now};

use super::activation;
use super::call_slots::OwnedSlots;
use super::core_instance::FunctionImport;
use super::entry::{HOST_STACK_RESERVE, SlotsOf};
use super::invoke::Entrance;
use super::store_state::StoreCells;
use super::sys;
use crate::concurrent::switch::{
    FiberState, Resumed, RunningSlots, RunningStack, StackState, change, exit_to_other,
};
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
use threadline_environ::layout::{ContextSlots, VMEntryRecord, VMStoreContext};
use threadline_fiber::{Fiber, Stack, Step, Suspender};

/// How many stacks a store keeps for its next fibers.
const MAX_IDLE: usize = 16;

/// How many records a store keeps for its next fibers.
const MAX_SPARE: usize = 256;

/// Bytes below the frame that resumes a fiber which a scan of its stack takes in: the switch leaves
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
    /// By whom it was resumed; null if it was by nobody.
    resumption: *const Resumption,
    /// All that have not ended, in no order.
    all: Vec<NonNull<FiberRecord>>,
    /// For the next ones.
    idle: Vec<Stack>,
    /// Records for the next ones.
    spare: Vec<NonNull<FiberRecord>>,
    /// Whose thread has ended, and has [left](leave_for) its stack for another: to be freed.
    left: Option<NonNull<FiberRecord>>,
    /// How often in a row wasm could not yield.
    missed_yields: u32,
    /// How many of those are guest threads.
    guests: usize,
    /// How many asynchronous calls are being made of which more belongs together than a fiber.
    calls: usize,
    /// The `Context` of the innermost poll that turns this store; null where nothing can wait for
    /// the host.
    cx: *mut c_void,
    /// Whose stack the innermost turn was begun on: frames of the host lie between that and whoever
    /// is resumed.
    turner: *mut FiberRecord,
}

impl Default for Fibers {
    fn default() -> Fibers {
        Fibers {
            current: ptr::null_mut(),
            resumption: ptr::null(),
            all: Vec::new(),
            idle: Vec::new(),
            spare: Vec::new(),
            left: None,
            missed_yields: 0,
            guests: 0,
            calls: 0,
            cx: ptr::null_mut(),
            turner: ptr::null_mut(),
        }
    }
}

/// Why a fiber is suspended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Pause {
    /// The host is waited for: everything in the store waits.
    Host,
    /// A guest thread has blocked: its resumer does what comes next.
    Guest,
}

/// What runs on a stack of its own. On the heap, and reached by pointers only, because the fiber
/// uses it, too.
pub(crate) struct FiberRecord {
    store: *mut VMStoreContext,
    /// Its place in [`Fibers::all`].
    place: usize,
    /// Here until it is freed; of a guest thread, while it has a stack.
    fiber: Option<Fiber<(), Pause, bool>>,
    state: FiberState,
    /// A context of the component whose slots it has its own copy of; null if it shares those of
    /// its caller.
    component: *mut c_void,
    work: Work,
    /// The fiber's first entry, while there is one.
    base: *mut VMEntryRecord,
    /// The fiber's suspender, once it runs.
    suspender: Option<NonNull<c_void>>,
    /// What the host function is doing that the guest has called last and waits for.
    hosted: Option<HostFuture<'static>>,
    /// Whether it is a guest thread that has ended, on its own stack, so that its resumer frees it.
    has_exited: bool,
}

/// What runs on a fiber.
enum Work {
    /// One call.
    Call {
        func: FunctionImport,
        entrance: Entrance,
        args: OwnedSlots,
    },
    /// A guest thread; why it ended early.
    Guest(Option<Box<dyn Any + Send>>),
}

impl StoreOpaque {
    /// A stack for a fiber.
    ///
    /// # Errors
    /// If there is none.
    fn take_stack(&mut self) -> Result<Stack> {
        // SAFETY: the cells live as long as the store; compiled code doesn't run meanwhile.
        let fibers = unsafe { &mut self.vm_mut().cells.as_mut().fibers };
        if let Some(left) = fibers.left.take() {
            // SAFETY: it is nobody's, and was left by a switch to another stack.
            unsafe { free(left.as_ptr()) };
        }
        match fibers.idle.pop() {
            Some(stack) => Ok(stack),
            None => self
                .engine()
                .stacks()
                .acquire()
                .context("no stack for an asynchronous call or a guest thread"),
        }
    }
}

/// A record without a fiber, in its store's list.
///
/// # Safety
/// `store` is a live store's context, and nothing else uses its cells now.
unsafe fn new_record(
    store: *mut VMStoreContext,
    work: Work,
    component: *mut c_void,
) -> NonNull<FiberRecord> {
    // SAFETY: passed on. A spare record is nobody's.
    unsafe {
        let fibers = &mut (*StoreCells::of(store)).fibers;
        let place = fibers.all.len();
        let record = match fibers.spare.pop() {
            Some(record) => {
                (*record.as_ptr()).place = place;
                (*record.as_ptr()).state = FiberState::new(StackState::none());
                (*record.as_ptr()).component = component;
                (*record.as_ptr()).work = work;
                record
            }
            None => NonNull::from(Box::leak(Box::new(FiberRecord {
                store,
                place,
                fiber: None,
                state: FiberState::new(StackState::none()),
                component,
                work,
                base: ptr::null_mut(),
                suspender: None,
                hosted: None,
                has_exited: false,
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
    outer_turner: *mut FiberRecord,
}

impl PollContext {
    /// `None` stands for a plain call, in which nothing can wait.
    ///
    /// # Safety
    /// `context` is a live store's, and lives longer than the result.
    unsafe fn enter(context: *mut VMStoreContext, cx: Option<&mut Context<'_>>) -> PollContext {
        let cx = cx.map_or(ptr::null_mut(), |cx| ptr::from_mut(cx).cast());
        // SAFETY: the caller answers for the context; nothing else uses the cells now.
        let fibers = unsafe { &mut (*StoreCells::of(context)).fibers };
        PollContext {
            context,
            outer: mem::replace(&mut fibers.cx, cx),
            outer_turner: mem::replace(&mut fibers.turner, fibers.current),
        }
    }
}

impl Drop for PollContext {
    fn drop(&mut self) {
        // SAFETY: as in `enter`.
        let fibers = unsafe { &mut (*StoreCells::of(self.context)).fibers };
        fibers.cx = self.outer;
        fibers.turner = self.outer_turner;
    }
}

/// Who has resumed a fiber, in a frame of [`resume`]: the same for all that go on in its place.
struct Resumption {
    /// Whose stack the frame is on; null for the thread's own.
    resumer: *mut FiberRecord,
    /// An address below the frame.
    sp: usize,
    /// What the resumer owns.
    stack: StackState,
    /// By whom the resumer was resumed.
    outer: *const Resumption,
}

/// While it lives, a [`Resumption`] is the innermost one.
struct Resuming {
    fibers: *mut Fibers,
    outer: *const Resumption,
}

impl Resuming {
    /// # Safety
    /// Both outlive the result, and the resumption doesn't move.
    unsafe fn begin(fibers: *mut Fibers, resumption: *const Resumption) -> Resuming {
        // SAFETY: the caller answers for them; nothing else uses the cells now.
        let outer = unsafe { mem::replace(&mut (*fibers).resumption, resumption) };
        Resuming { fibers, outer }
    }
}

impl Drop for Resuming {
    fn drop(&mut self) {
        // SAFETY: as in `begin`.
        unsafe { (*self.fibers).resumption = self.outer };
    }
}

/// Runs a fiber until it is suspended or ends. Guest threads may go on as others of their component
/// meanwhile ([`hop`]): which fiber came back, and why.
///
/// # Safety
/// The fiber is not running and has not ended; its store, which is alive, is the innermost one
/// that runs ([`CurrentStore`]), and exclusively borrowed until this returns. Wherever the fiber
/// was suspended, it may go on.
///
/// [`CurrentStore`]: super::invoke::CurrentStore
unsafe fn resume(record: *mut FiberRecord) -> (*mut FiberRecord, Step<Pause, bool>) {
    let here = 0usize;
    // SAFETY: the caller answers for the record and its store; nothing else uses the cells now.
    // While a fiber runs, no reference to its record but the one to `fiber` exists. Who comes back
    // is current until `Resumed` makes the resumer so again.
    unsafe {
        let context = (*record).store;
        let fibers = &raw mut (*StoreCells::of(context)).fibers;
        (*fibers).missed_yields = 0;
        let running = Running::of(record);
        let resumption = Resumption {
            resumer: (*fibers).current,
            // What the switch leaves on the stack is above this.
            sp: (&raw const here)
                .addr()
                .saturating_sub(BELOW_SWITCH)
                .max(sys::stack_low()),
            stack: running.stack(),
            outer: (*fibers).resumption,
        };
        let low = link(record, &resumption.stack);
        let _resuming = Resuming::begin(fibers, &raw const resumption);
        let _place = OnStack::of(context, low);
        let resumed = Resumed::begin(running, &mut (*record).state);
        let step = match &mut (*record).fiber {
            Some(fiber) => fiber.resume(()),
            None => unreachable!("who resumes a fiber has seen to it that there is one"),
        };
        let record = (*fibers).current;
        match step {
            Step::Suspended(_) => resumed.suspend(&mut (*record).state),
            // A guest thread that has not ended may go on on another stack.
            Step::Finished(_)
                if !(*record).has_exited && matches!((*record).work, Work::Guest(_)) =>
            {
                resumed.suspend(&mut (*record).state);
            }
            Step::Finished(_) => drop(resumed),
        }
        (record, step)
    }
}

/// The guest thread that runs stops, and another of its component goes on in its place, with the
/// same resumer; until this one is resumed.
///
/// # Safety
/// `record` is what [`suspendable`] gave here. No frame on the fiber's stack owns anything, and
/// nobody relies on any of them to return. `next` is another guest thread of the same component,
/// which has a fiber that waits or has not begun, and may go on.
unsafe fn hop(record: *mut FiberRecord, next: *mut FiberRecord) {
    // SAFETY: the caller answers for both. Whoever runs on a fiber was resumed, by a `resume` that
    // hasn't returned; whoever makes this fiber go on has loaded what it owns.
    unsafe {
        let mut running = Running::of(record);
        let resumption = (*StoreCells::of(running.context)).fibers.resumption;
        sys::set_stack_low(link(next, &(*resumption).stack));
        change(&mut running, &mut (*record).state, &mut (*next).state);
        if let (Some(raw), Some(fiber)) = ((*record).suspender, &(*next).fiber) {
            Suspender::<(), Pause>::from_raw(raw).hop(fiber.hop_target(), ());
        }
    }
}

/// The guest thread that ran on a fiber has ended, and another of its component goes on in its place,
/// with the same resumer. The fiber is freed when somebody needs its stack.
///
/// # Safety
/// The fiber of `record`, whose thread has exited, runs this, and has no entry. No frame on its stack
/// owns anything, and nobody relies on any of them to return. `next` is as for [`hop`].
unsafe fn leave_for(record: *mut FiberRecord, next: *mut FiberRecord) -> ! {
    // SAFETY: as in `hop`. This fiber is freed on another stack, as that is where everything runs from
    // now on.
    unsafe {
        let mut running = Running::of(record);
        let fibers = &raw mut (*StoreCells::of(running.context)).fibers;
        sys::set_stack_low(link(next, &(*(*fibers).resumption).stack));
        exit_to_other(&mut running, &mut (*next).state);
        let before = (*fibers).left.replace(NonNull::new_unchecked(record));
        if let Some(before) = before {
            free(before.as_ptr());
        }
        if let (Some(raw), Some(fiber)) = ((*record).suspender, &(*next).fiber) {
            Suspender::<(), Pause>::from_raw(raw).hop(fiber.hop_target(), ());
        }
    }
    unreachable!("a stack that was left goes on")
}

/// Links a fiber that is about to run to its resumer's innermost entry, which this is what it owns
/// of; the lowest address of the fiber's stack.
///
/// # Safety
/// The record is alive, and has a fiber that waits.
unsafe fn link(record: *mut FiberRecord, resumer: &StackState) -> usize {
    // SAFETY: the caller answers for the record; the base record is in a frame of the fiber.
    unsafe {
        let bounds = match &(*record).fiber {
            Some(fiber) => fiber.stack_bounds(),
            None => unreachable!("who resumes a fiber has seen to it that there is one"),
        };
        match NonNull::new((*record).base) {
            Some(base) => {
                (*base.as_ptr()).previous = resumer.entry;
                (*base.as_ptr()).previous_exit_fp = resumer.exit_fp;
                (*base.as_ptr()).previous_exit_pc = resumer.exit_pc;
            }
            None => {
                let reserve = HOST_STACK_RESERVE.min(bounds.size() / 2);
                let share = (*StoreCells::of((*record).store)).max_wasm_stack;
                let lowest = bounds.limit.get() + reserve;
                (*record).state.stack = StackState {
                    limit: bounds.top.get().saturating_sub(share).max(lowest),
                    fiber: record,
                    ..*resumer
                };
            }
        }
        bounds.limit.get()
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

impl Running {
    /// # Safety
    /// The record is alive for as long as the result is used.
    #[inline]
    unsafe fn of(record: *const FiberRecord) -> Running {
        // SAFETY: the caller answers for the record, whose component is of its store.
        unsafe {
            Running {
                context: (*record).store,
                slots: match (*record).component.is_null() {
                    true => None,
                    false => SlotsOf::component((*record).component),
                },
            }
        }
    }
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
unsafe fn suspend(record: *mut FiberRecord, pause: Pause) {
    // SAFETY: the fiber runs, so its suspender is there, of these types; this is called on it.
    unsafe {
        if let Some(raw) = (*record).suspender {
            Suspender::<(), Pause>::from_raw(raw).suspend(pause);
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
        let fibers = &mut (*StoreCells::of((*record).store)).fibers;
        let place = (*record).place;
        fibers.all.swap_remove(place);
        if let Some(moved) = fibers.all.get(place) {
            (*moved.as_ptr()).place = place;
        }
        if let Some(fiber) = (*record).fiber.take() {
            let stack = match fiber.into_stack() {
                Ok(stack) => stack,
                Err(fiber) => fiber.abandon(),
            };
            fibers.keep_stack(stack);
        }
        match NonNull::new(record) {
            Some(spare) if fibers.spare.len() < MAX_SPARE => {
                (*record).work = Work::Guest(None);
                (*record).base = ptr::null_mut();
                (*record).suspender = None;
                drop((*record).hosted.take());
                (*record).has_exited = false;
                fibers.spare.push(spare);
            }
            _ => drop(Box::from_raw(record)),
        }
    }
}

impl Fibers {
    /// Keeps a stack for the next fiber, or gives it back to the engine.
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
        let mut resumption = fibers.resumption;
        while let Some(record) = fiber.as_ref() {
            if let Some(base) = record.base.as_ref() {
                add(here, base.handler_fp);
                entry = base.previous;
            }
            // Who runs on a fiber was resumed.
            let Some(by) = resumption.as_ref() else {
                break;
            };
            here = by.sp;
            fiber = by.resumer;
            resumption = by.outer;
        }
        let mut outermost = here;
        while let Some(record) = entry.as_ref() {
            outermost = record.handler_fp;
            entry = record.previous;
        }
        add(here, outermost);
        for record in &fibers.all {
            let record = &*record.as_ptr();
            let sp = record.fiber.as_ref().and_then(Fiber::suspended_sp);
            if let (Some(sp), Some(base)) = (sp, record.base.as_ref()) {
                add(sp, base.handler_fp);
            }
        }
    }
    stacks
}

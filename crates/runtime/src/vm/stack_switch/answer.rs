//! How a host function that may switch threads comes back, to its own guest or to another.
//!
//! ```text
//!   answer          a host function is done with its body
//!     Done            its guest goes on
//!     Blocked         leave; next_in_place ─▶ proceed, or the resumer goes on
//!     Waits           leave; the resumer goes on
//!   call_finished   a guest thread's function has returned: likewise
//!   begin           a resumer has made a guest the running one: proceed
//!
//!   proceed         enter; complete, or begin_current ─▶ goes on, or once more with the next
//! ```

use super::{FiberRecord, Report, Top, enter, frames, leave, suspendable, take_future, top_of};
use crate::bug::bug;
use crate::concurrent::{After, Answer, Returned};
use crate::store::StoreOpaque;
use crate::vm::component_instance::CoreFunc;
use crate::vm::entry::{record_for, take_failure, unlink};
use crate::vm::host_call::{self, Raised, catch};
use crate::vm::invoke::Entrance;
use crate::vm::store_state::{Failure, StoreCells};
use crate::vm::sys::arch::{RESUMER_OFFSET, place_call, switch_to_guest};
use crate::vm::throw::throw_pending_error;
use anyhow::Result;
use std::any::Any;

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering;
use threadline_environ::BUILTIN_FAILED;
use threadline_environ::layout::{VMStoreContext, ValRaw};
use threadline_fiber::Stack;

/// A guest's call of a host function that may switch threads: what the trampoline expects.
#[derive(Copy, Clone, Debug)]
pub(in crate::vm) struct ExitSite {
    /// The word that says failure.
    failure: u64,
    /// The slots of parameters and results, in the trampoline's frame.
    slots: *mut ValRaw,
    count: usize,
    /// Whether an error that is an exception is thrown.
    throws: bool,
}

impl ExitSite {
    /// A function that answers whether it has succeeded, with parameters and results in slots.
    pub(in crate::vm) fn in_slots(slots: *mut ValRaw, count: usize) -> ExitSite {
        ExitSite {
            failure: 0,
            slots,
            count,
            throws: false,
        }
    }

    /// The same for a function of a core module, whose errors may be exceptions.
    pub(in crate::vm) fn of_core(slots: *mut ValRaw, count: usize) -> ExitSite {
        ExitSite {
            throws: true,
            ..ExitSite::in_slots(slots, count)
        }
    }

    /// A function that answers whether it has succeeded, and has no slots.
    pub(in crate::vm) fn none() -> ExitSite {
        ExitSite::in_slots(NonNull::dangling().as_ptr(), 0)
    }

    /// A built-in that answers a value, or that it has failed.
    pub(in crate::vm) fn of_value() -> ExitSite {
        ExitSite {
            failure: BUILTIN_FAILED as u64,
            ..ExitSite::none()
        }
    }

    /// Its slots, which exist as long as the trampoline's frame.
    fn slots(self) -> *mut [ValRaw] {
        ptr::slice_from_raw_parts_mut(self.slots, self.count)
    }
}

/// Runs the body of a host function that may switch threads, with the call's slots. Returns the word for
/// the guest that goes on.
///
/// # Safety
/// `context` is that of a store whose compiled code called the host function that this thread runs, by
/// `sys::arch::call_and_switch`. The site is that call's.
#[inline(always)]
pub(in crate::vm) unsafe fn answer(
    context: *mut VMStoreContext,
    site: ExitSite,
    body: impl FnOnce(&mut [ValRaw]) -> Result<Answer>,
) -> u64 {
    // SAFETY: passed on.
    unsafe {
        match catch(context, || body(&mut *site.slots())) {
            Ok(Answer::Done(word)) => word,
            Ok(Answer::Blocked(after)) => switch_away(context, site, after, false),
            Ok(Answer::Waits(after)) => switch_away(context, site, after, true),
            Err(Raised) => failed(context, site),
        }
    }
}

/// The body has failed.
///
/// # Safety
/// As for [`answer`]; a failure is recorded.
#[cold]
unsafe fn failed(context: *mut VMStoreContext, site: ExitSite) -> u64 {
    if site.throws {
        // SAFETY: passed on.
        unsafe { throw_pending_error(context) };
    }
    site.failure
}

/// The guest that runs stops.
///
/// # Safety
/// As for [`answer`].
#[inline(never)]
unsafe fn switch_away(
    context: *mut VMStoreContext,
    site: ExitSite,
    after: After,
    waits: bool,
) -> u64 {
    // SAFETY: the caller answers for the context; a guest that is found runs, and its frames wait for
    // this.
    unsafe {
        let Some(this) = suspendable(context) else {
            let error = bug!("a guest blocks where it can't");
            host_call::record(context, Failure::Error(error.into()));
            return site.failure;
        };
        let this = this.as_ptr();
        let onward = match stop(this, site, after, waits) {
            Stop::Stopped => proceed(context, next_record(context)),
            Stop::Resumer(report) => Onward::Resumer(report),
        };
        go(context, onward)
    }
}

/// What goes on.
enum Onward {
    /// The guest that was entered, with this word.
    Guest(u64),
    /// The resumer.
    Resumer(Report),
}

/// Goes on from a host function that a guest has called. Returns the word to go on with.
///
/// # Safety
/// As for [`answer`]; the guest that is to go on was entered, or the one that ran was left.
unsafe fn go(context: *mut VMStoreContext, onward: Onward) -> u64 {
    match onward {
        Onward::Guest(word) => word,
        // SAFETY: a guest runs, so `host_sp` is what `switch_to_guest` has put there.
        Onward::Resumer(report) => unsafe {
            (*StoreCells::of(context)).fibers.report = report;
            (*context).guest_sp = (*context).host_sp.add(RESUMER_OFFSET);
            0
        },
    }
}

/// A resumption begins with this guest. Returns when the resumer goes on.
///
/// # Safety
/// Called by `resume`, which answers for all.
pub(super) unsafe fn begin(context: *mut VMStoreContext, record: *mut FiberRecord) {
    // SAFETY: passed on.
    unsafe {
        match proceed(context, Ok(Some(record))) {
            Onward::Guest(word) => switch_to_guest(context, word),
            Onward::Resumer(report) => (*StoreCells::of(context)).fibers.report = report,
        }
    }
}

/// How a guest that was entered comes to go on.
enum Step {
    /// Its stack goes on, with this word.
    Goes(u64),
    /// It does not.
    Stop(Stop),
}

impl Step {
    /// The current guest thread has failed.
    fn failed(failure: Box<dyn Any + Send>) -> Step {
        Step::Stop(Stop::Resumer(Report::Failed(failure)))
    }
}

/// How a guest has stopped, which was left.
enum Stop {
    /// It has blocked, or ended.
    Stopped,
    /// The resumer goes on.
    Resumer(Report),
}

/// The guest that goes on next under the same resumption, if one does; or why the current one fails.
type Next = Result<Option<*mut FiberRecord>, Box<dyn Any + Send>>;

/// Decides which guest goes on in the place of one that has stopped.
///
/// # Safety
/// As for [`answer`], or called by `resume`. The guest that ran was left, or has ended.
#[inline]
unsafe fn next_record(context: *mut VMStoreContext) -> Next {
    // SAFETY: passed on; the store is as in `with_store`.
    let next = unsafe {
        match (*(*context).store.cast::<StoreOpaque>()).named_next() {
            Some(next) => Some(next),
            None => with_store(context, StoreOpaque::next_in_place)?,
        }
    };
    Ok(next.map(|guest| guest.record()))
}

/// Runs something safe of the store whose guest runs; an error or a panic is a failure of the current
/// guest thread.
///
/// # Safety
/// As for [`next_record`].
unsafe fn with_store<R>(
    context: *mut VMStoreContext,
    body: impl FnOnce(&mut StoreOpaque) -> Result<R>,
) -> Result<R, Box<dyn Any + Send>> {
    // SAFETY: `VMStoreContext::store` was set from the exclusive borrow of the store with which the
    // guest was resumed, and that borrow rests until the resumer goes on.
    let store = unsafe { &mut *(*context).store.cast::<StoreOpaque>() };
    match catch_unwind(AssertUnwindSafe(|| body(store))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(Box::new(error)),
        Err(payload) => Err(payload),
    }
}

/// Enters the guest that goes on next, and sees to it that it does, or the one after it.
///
/// # Safety
/// As for [`next_record`]. The record is alive and its guest may go on under the same resumption.
unsafe fn proceed(context: *mut VMStoreContext, mut next: Next) -> Onward {
    loop {
        let record = match next {
            Ok(Some(record)) => record,
            Ok(None) => return Onward::Resumer(Report::Stopped),
            Err(failure) => return Onward::Resumer(Report::Failed(failure)),
        };
        // SAFETY: the caller's word, also for those that the driver names: they are of the store, and
        // of the resumption's component.
        unsafe {
            enter(record);
            let step = match (*record).base.is_null() {
                true => start(context, record),
                false => complete(context, record),
            };
            match step {
                Step::Goes(word) => return Onward::Guest(word),
                Step::Stop(Stop::Resumer(report)) => return Onward::Resumer(report),
                Step::Stop(Stop::Stopped) => next = next_record(context),
            }
        }
    }
}

/// A guest stops in a call of a host function: it is left, with what is left to do for it.
///
/// # Safety
/// It runs, and has called the host function that runs.
#[inline]
unsafe fn stop(record: *mut FiberRecord, site: ExitSite, after: After, waits: bool) -> Stop {
    // SAFETY: the caller's word; nothing else uses the top of its stack now.
    unsafe {
        if let Some(top) = frames(record) {
            top.site = site;
            top.after = after;
        }
        leave(record);
        match (waits, NonNull::new(record)) {
            (true, Some(record)) => Stop::Resumer(Report::Waits(record)),
            _ => Stop::Stopped,
        }
    }
}

/// Does what is left to do for a guest with frames, which was entered.
///
/// # Safety
/// As for [`proceed`].
#[inline]
unsafe fn complete(context: *mut VMStoreContext, record: *mut FiberRecord) -> Step {
    // SAFETY: the guest is suspended in the call that its site is of, so the slots are there. The
    // store is as in `with_store`.
    unsafe {
        let (site, after) = match frames(record) {
            Some(top) => (top.site, mem::take(&mut top.after)),
            None => (ExitSite::none(), After::Nothing),
        };
        if let After::Switched = after
            && (*(*context).store.cast::<StoreOpaque>()).goes_on_plainly()
        {
            return Step::Goes(0);
        }
        let completed = catch(context, || match after {
            After::HostFuture(function) => {
                super::wait::poll(context, record, function, site.slots())
            }
            after => {
                let store = &mut *(*context).store.cast::<StoreOpaque>();
                store.complete(after, &mut *site.slots())
            }
        });
        match completed {
            Ok(Answer::Done(word)) => Step::Goes(word),
            Ok(Answer::Blocked(after)) => Step::Stop(stop(record, site, after, false)),
            Ok(Answer::Waits(after)) => Step::Stop(stop(record, site, after, true)),
            Err(Raised) => Step::Goes(failed(context, site)),
        }
    }
}

/// Starts a guest without frames, which was entered.
///
/// # Safety
/// As for [`proceed`].
#[inline]
unsafe fn start(context: *mut VMStoreContext, record: *mut FiberRecord) -> Step {
    // SAFETY: the caller answers for the record.
    unsafe {
        if (*record).is_call {
            let top = (*record).stack.as_ref().map(top_of);
            let Some((top, call)) = top.and_then(|top| Some((top, (*top).call.as_mut()?))) else {
                let error = anyhow::Error::from(bug!("a call is made without a stack"));
                return Step::failed(Box::new(error));
            };
            let (func, entrance, args) = (call.func, call.entrance, call.args.as_mut_ptr());
            let func = CoreFunc { func, entrance };
            return Step::Goes(place(context, record, top, func, args));
        }
        let prepared = with_store(context, |store| match store.prepare_current()? {
            true => Ok(Some(store.take_stack()?)),
            false => Ok(None),
        });
        let stack = match prepared {
            Ok(Some(stack)) => stack,
            Ok(None) => {
                leave(record);
                return Step::Stop(Stop::Stopped);
            }
            Err(failure) => return Step::failed(failure),
        };
        let top = top_of(&stack);
        (*record).stack = Some(stack);
        // The slots are this store's since `take_stack`, and nothing else uses them now.
        let slots = &mut (*top).slots;
        match with_store(context, |store| store.begin_current(slots)) {
            Ok(func) => Step::Goes(place(context, record, top, func, ptr::null_mut())),
            Err(failure) => {
                give_back_stack(record);
                Step::failed(failure)
            }
        }
    }
}

/// Prepares a call as the first on a guest's stack, with parameters at `args`, or, if that is null, in
/// the slots at the top. Returns the word for the stack to go on with.
///
/// # Safety
/// The guest was entered, and its stack, which this is the top of, has no frames. The function is of
/// the store, and the slots are as many as it needs.
unsafe fn place(
    context: *mut VMStoreContext,
    record: *mut FiberRecord,
    top: *mut Top,
    func: CoreFunc,
    args: *mut ValRaw,
) -> u64 {
    let CoreFunc { func, entrance } = func;
    // SAFETY: the caller answers for all of it. A stack is larger than what is placed there.
    unsafe {
        let args = match args.is_null() {
            true => (&raw mut (*top).slots).cast(),
            false => args,
        };
        let base = &raw mut (*top).record;
        base.write(record_for(context));
        (&raw mut (*top).after).write(After::Nothing);
        (&raw mut (*top).future).write(None);
        (*record).base = base;
        (*context).entry = base;
        (*context)
            .stack_limit
            .store(limit_of(record), Ordering::Relaxed);
        let code = func.code.as_ptr();
        let operands = [func.vmctx.as_ptr(), code, args.cast(), base.cast()];
        (*context).guest_sp = place_call(top.cast(), context, operands);
        trampoline_word(entrance)
    }
}

fn trampoline_word(entrance: Entrance) -> u64 {
    entrance.trampoline.address() as u64
}

/// The lowest address that compiled code may use of a guest's stack.
///
/// # Safety
/// The record is alive.
unsafe fn limit_of(record: *const FiberRecord) -> usize {
    // SAFETY: the caller's word.
    unsafe {
        let Some(bounds) = (*record).stack.as_ref().map(Stack::bounds) else {
            return usize::MAX;
        };
        let share = (*StoreCells::of((*record).store)).max_wasm_stack;
        let lowest = bounds.limit.get() + super::GUEST_STACK_RESERVE;
        bounds.top.get().saturating_sub(share).max(lowest)
    }
}

/// # Safety
/// The record is alive, and has no frames.
unsafe fn give_back_stack(record: *mut FiberRecord) {
    // SAFETY: the caller's word; nothing else uses the cells now.
    unsafe {
        if let Some(stack) = (*record).stack.take() {
            (*StoreCells::of((*record).store)).fibers.keep_stack(stack);
        }
    }
}

/// The call has come back that was [placed](place) on the stack of the guest that runs. Returns the word
/// for what goes on.
///
/// # Safety
/// Called by `sys::arch::begin_call` only, on the host's stack.
pub(in crate::vm) unsafe extern "C" fn call_finished(
    context: *mut VMStoreContext,
    returned: bool,
) -> u64 {
    // SAFETY: the guest that runs has made the call, and it is current since it was entered. It has
    // no frames any more but that which has called this, which needs nothing of its own.
    unsafe {
        let record = (*StoreCells::of(context)).fibers.current;
        debug_assert!(take_future(record).is_none());
        unlink(context, (*record).base);
        (*record).base = ptr::null_mut();
        let onward = match (*record).is_call {
            true => {
                leave(record);
                Onward::Resumer(Report::Returned(returned))
            }
            false => guest_returned(context, record, returned),
        };
        go(context, onward)
    }
}

/// # Safety
/// As for [`call_finished`].
#[inline]
unsafe fn guest_returned(
    context: *mut VMStoreContext,
    record: *mut FiberRecord,
    returned: bool,
) -> Onward {
    // SAFETY: the caller's word. The stack stays the guest's, or the store's, so the slots are there as
    // long as they are used.
    unsafe {
        let Some(top) = (*record).stack.as_ref().map(top_of) else {
            let error = anyhow::Error::from(bug!("a guest has returned without a stack"));
            return Onward::Resumer(Report::Failed(Box::new(error)));
        };
        let next_call = with_store(context, |store| {
            if !returned {
                return Err(take_failure(context, true));
            }
            match store.current_returned(&mut (*top).slots)? {
                Returned::Calls(func) => Ok(Some(func)),
                Returned::Over => Ok(None),
            }
        });
        let has_ended = (*StoreCells::of(context)).fibers.current.is_null();
        match next_call {
            Ok(Some(func)) if !has_ended => {
                Onward::Guest(place(context, record, top, func, ptr::null_mut()))
            }
            Ok(_) => {
                if !has_ended {
                    give_back_stack(record);
                    leave(record);
                }
                proceed(context, next_record(context))
            }
            Err(failure) => {
                if !has_ended {
                    give_back_stack(record);
                    leave(record);
                }
                Onward::Resumer(Report::Failed(failure))
            }
        }
    }
}

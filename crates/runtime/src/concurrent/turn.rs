//! The loops: who is resumed next, and what happens when a thread stops.

use super::aside::Aside;
use super::state::{Doing, Guests, Next};
use super::task::{self, MAX_SLOTS, Returned};
use crate::bug::bail_bug;
use crate::store::StoreOpaque;
use crate::vm::{ComponentInstancePtr, CoreFunc, GuestStack, GuestStackPtr, GuestStep, val_raw};
use anyhow::Result;
use threadline_concurrent::{
    InstanceId, Outcome, Released, Scheduler, ThreadId, TraceEvent, Trap, Wait,
};
use threadline_environ::layout::ValRaw;

/// How a resumed thread came back.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Ran {
    /// It has blocked or ended.
    Done,
    /// Everything waits for the host; nothing has been decided.
    Pending,
}

impl StoreOpaque {
    /// Resumes a thread that is ready or suspended, until it blocks or ends.
    ///
    /// # Errors
    /// If it fails: then it has ended, and its instance is locked.
    #[inline]
    pub(super) fn run_thread(&mut self, thread: ThreadId) -> Result<Ran> {
        self.concurrency.scheduler.begin_resume(thread)?;
        self.go_on(None)
    }

    /// Resumes threads that are ready, at most so many; how many.
    ///
    /// # Errors
    /// If one fails.
    pub(crate) fn run_until_stalled(&mut self, turns: usize) -> Result<usize> {
        self.turn(None, |store| {
            for turn in 0..turns {
                let Some(next) = store.concurrency.scheduler.next_ready() else {
                    return Ok(turn);
                };
                if store.run_thread(next)? == Ran::Pending {
                    bail_bug!("a thread waits for the host, and can't");
                }
            }
            Ok(turns)
        })
    }

    /// Goes on with what was interrupted to wait for the host.
    ///
    /// # Errors
    /// As [`Self::run_thread`].
    pub(super) fn go_on_after_host(&mut self) -> Result<Ran> {
        match self.concurrency.interrupted.pop() {
            Some(stack) => {
                let scheduler = &mut self.concurrency.scheduler;
                scheduler.trace(|| TraceEvent::HostAnswered);
                self.go_on(Some(stack))
            }
            None => Ok(Ran::Done),
        }
    }

    /// Goes on with a thread that waited for the host on behalf of the thread that runs.
    ///
    /// # Errors
    /// As [`Self::run_thread`].
    pub(super) fn go_on_within(&mut self, stack: GuestStackPtr) -> Result<Ran> {
        self.go_on(Some(stack))
    }

    /// Runs the current thread, or the stack that was left to wait for the host, and the threads that
    /// go on in its place.
    #[inline]
    fn go_on(&mut self, interrupted: Option<GuestStackPtr>) -> Result<Ran> {
        let stack = match interrupted {
            Some(stack) => stack,
            None => self.concurrency.current_thread()?.stack.ptr(),
        };
        match self.resume_guest(stack) {
            GuestStep::Stopped => {
                self.concurrency.scheduler.end_resume()?;
                Ok(Ran::Done)
            }
            GuestStep::Waits(stack) => {
                self.concurrency.interrupted.push(stack);
                Ok(Ran::Pending)
            }
            GuestStep::Failed(failure) => {
                self.abandon_current();
                // A thread was resumed, so there is a resumer.
                let ended = self.concurrency.scheduler.end_resume();
                self.settle_locks();
                let error = failure.into_error();
                ended?;
                Err(error)
            }
        }
    }

    /// Says that everything waits for the host, to a tracer.
    pub(crate) fn trace_waiting(&mut self) {
        let scheduler = &mut self.concurrency.scheduler;
        scheduler.trace(|| TraceEvent::HostAwaited);
    }

    /// Has the current thread, which has no stack, look at what it waited for. Returns whether it goes
    /// on: then it is to be given a stack, and to [begin](Self::begin_current).
    ///
    /// # Errors
    /// If it finds a trap.
    #[inline]
    pub(crate) fn prepare_current(&mut self) -> Result<bool> {
        if !self.concurrency.scheduler.has_outcome()? {
            return match self.concurrency.current_thread()?.next {
                Next::Task => Ok(self.concurrency.scheduler.enter()? == Wait::Ready(())),
                Next::CallBack => bail_bug!("a thread is called back with nothing"),
                Next::GoOn | Next::Call(..) | Next::CallBackWith(_) => Ok(true),
            };
        }
        if let Outcome::Callback(event) = self.outcome()? {
            self.concurrency.current_thread()?.next = Next::CallBackWith(event);
        }
        Ok(true)
    }

    /// What the current thread finds as it goes on.
    ///
    /// # Errors
    /// If that is a trap.
    #[inline]
    pub(super) fn outcome(&mut self) -> Result<Outcome> {
        match self.concurrency.scheduler.take_outcome()? {
            Outcome::Trap(trap) => Err(trap.into()),
            outcome => Ok(outcome),
        }
    }

    /// Begins what the current thread does on a stack without frames: the core function to call, with
    /// its parameters in the slots.
    ///
    /// # Errors
    /// If its parameters can't be lowered.
    #[inline]
    pub(crate) fn begin_current(&mut self, slots: &mut [ValRaw; MAX_SLOTS]) -> Result<CoreFunc> {
        let thread = self.concurrency.current_thread()?;
        let (func, doing) = match std::mem::replace(&mut thread.next, Next::GoOn) {
            Next::Task => {
                let (func, lift) = task::start(self, slots)?;
                (func, Doing::Task(lift))
            }
            Next::Call(func, closure) => {
                slots[0] = val_raw::from_i64(closure as i64);
                (func, Doing::Thread)
            }
            Next::CallBackWith(event) => (task::call_back(self, event, slots)?, Doing::Callback),
            Next::GoOn | Next::CallBack => bail_bug!("a thread begins that has begun, or waits"),
        };
        self.concurrency.current_thread()?.doing = doing;
        Ok(func)
    }

    /// The core function that the current thread has called has returned, with its results in the
    /// slots.
    ///
    /// # Errors
    /// If the guest traps: by what it has returned, or by ending too early.
    #[inline]
    pub(crate) fn current_returned(&mut self, slots: &mut [ValRaw; MAX_SLOTS]) -> Result<Returned> {
        let thread = self.concurrency.current_thread()?;
        let returned = match thread.doing {
            Doing::Thread => {
                self.end_current()?;
                Returned::Over
            }
            Doing::Task(lift) => task::returned(self, lift, slots)?,
            Doing::Callback => task::callback_returned(self, slots)?,
        };
        if let Returned::Calls(_) = returned {
            self.concurrency.current_thread()?.doing = Doing::Callback;
        }
        Ok(returned)
    }

    /// The stack of the thread that is current, if the thread that ran has blocked and a built-in has
    /// named the thread to go on in its place.
    #[inline(always)]
    pub(crate) fn named_next(&self) -> Option<GuestStackPtr> {
        let current = self.concurrency.scheduler.current()?;
        let thread = self.concurrency.scheduler.thread_payload(current)?;
        Some(thread.stack.ptr())
    }

    /// Whether the current thread finds nothing as it goes on from a switch.
    #[inline(always)]
    pub(crate) fn goes_on_plainly(&self) -> bool {
        matches!(self.concurrency.scheduler.outcome(), Ok(Outcome::Resumed))
    }

    /// The thread that ran has blocked or ended, and none was [named](Self::named_next) to go on in its
    /// place. If the event loop is the resumer, has nothing else to do, and would resume another thread of
    /// the same component next, that becomes the current one, and goes on at once: its stack.
    ///
    /// # Errors
    /// If the next thread can't be made current, which is a bug.
    #[inline]
    pub(crate) fn next_in_place(&mut self) -> Result<Option<GuestStackPtr>> {
        if self.concurrency.scheduler.current().is_some() {
            bail_bug!("the current thread is gone");
        }
        if !self.may_hop() {
            return Ok(None);
        }
        let scheduler = &mut self.concurrency.scheduler;
        let Some(next) = scheduler.next_ready() else {
            return Ok(None);
        };
        let Some(thread) = scheduler.thread_payload(next) else {
            return Ok(None);
        };
        let stack = thread.stack.ptr();
        if !self.may_go_on_in_place(stack) {
            return Ok(None);
        }
        self.concurrency.scheduler.resume_in_place(next)?;
        Ok(Some(stack))
    }

    /// The current thread has failed, and its frames are gone: it ends, and its instance is locked.
    fn abandon_current(&mut self) {
        self.concurrency.note_failed_call();
        let scheduler = &mut self.concurrency.scheduler;
        let Ok(id) = scheduler.current_instance() else {
            return;
        };
        // A thread runs, so there is something to abandon.
        let _ = scheduler.abandon_thread();
        let (instance, _) = self.concurrency.instance(id);
        instance.lock();
    }

    /// Sees to what has been locked: none of its threads goes on, who waits for it traps, and once none
    /// of its threads runs, all that is its is freed.
    #[inline]
    pub(crate) fn settle_locks(&mut self) {
        if self.has_locked() {
            self.settle_all_locks();
        }
    }

    #[cold]
    fn settle_all_locks(&mut self) {
        self.lose_moving_ends();
        let is_over = self.concurrency.scheduler.depth() == 0;
        let locked = self.take_locked(is_over);
        let ids: Vec<InstanceId> = locked.iter().flat_map(|it| it.tasks().all_ids()).collect();
        // They are instances of the scheduler's.
        let _ = self.concurrency.scheduler.lock_all(ids.iter().copied());
        for &instance in &locked {
            self.end_host_tasks_of(instance);
            self.concurrency.host_calls.wake_callers_of(instance);
        }
        if !is_over {
            self.keep_locked(locked);
            return;
        }
        self.look_after_all();
        let mut lent = Vec::new();
        let take = &mut |released: Released<Guests>| {
            if let Released::Subtask(mut subtask) = released {
                lent.extend(subtask.take_lent());
            }
        };
        // Nothing runs.
        let _ = self.concurrency.scheduler.release_all(ids, take);
        for lent in lent {
            lent.end(self);
        }
    }

    /// Ends everything beyond so many resumptions that waits for the host, as by a trap, without running
    /// guest code.
    pub(crate) fn abandon_interrupted(&mut self, depth: usize, aside: &mut Aside) {
        if self.concurrency.take_up(aside).is_err() {
            return;
        }
        // Whatever waits within what is abandoned goes with it.
        self.concurrency.interrupted.clear();
        while self.concurrency.scheduler.depth() > depth {
            // What the host does for it may have begun further calls, which end where they were begun.
            if let Ok(thread) = self.concurrency.current_thread() {
                let stack = thread.stack.ptr();
                self.drop_future_of(stack);
            }
            self.abandon_current();
            if self.concurrency.scheduler.end_resume().is_err() {
                break;
            }
        }
        self.settle_locks();
    }

    /// The current thread has done all it had to do: it ends when its body returns.
    pub(super) fn end_current(&mut self) -> Result<()> {
        let scheduler = &mut self.concurrency.scheduler;
        match scheduler.exit_thread(|task| (task.instance, task.scope))? {
            Some((instance, scope)) if scope != 0 => Ok(instance.borrow_scopes().exit(scope)?),
            _ => Ok(()),
        }
    }
}

/// What a new thread of an instance owns.
///
/// # Errors
/// If the store has as many as it may.
#[inline]
pub(super) fn new_stack(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
) -> Result<GuestStack> {
    if store.guest_count() >= store.concurrency.thread_limit {
        check_thread_limit(store)?;
    }
    Ok(store.new_guest_stack(instance))
}

#[cold]
fn check_thread_limit(store: &mut StoreOpaque) -> Result<()> {
    let limit = store.thread_limit();
    store.concurrency.thread_limit = limit;
    match store.guest_count() < limit {
        true => Ok(()),
        false => Err(anyhow::Error::from(Trap::TooManyThreads).context(
            "the store needs more guest threads than its limits allow (`ResourceLimiter::threads`)",
        )),
    }
}

/// The next thread that a sync-typed call of an instance resumes while it waits.
///
/// # Errors
/// If there is none.
pub(super) fn next_for_sync(
    scheduler: &mut Scheduler<Guests>,
    instance: threadline_concurrent::InstanceId,
) -> Result<ThreadId, Trap> {
    scheduler
        .next_ready_in(instance)
        .ok_or(Trap::SyncTaskBlocked)
}

//! The loops: who is resumed next, and what happens when a thread stops.

use super::aside::Aside;
use super::state::{Guests, Next};
use super::{task, thread};
use crate::bug::{bail_bug, bug};
use crate::store::StoreOpaque;
use crate::vm::{ComponentInstancePtr, GuestRelation, GuestStack, GuestStackPtr, GuestStep};
use anyhow::Result;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use threadline_concurrent::{
    InstanceId, Outcome, Released, Scheduler, ThreadId, TraceEvent, Trap, Wait,
};

/// How a resumed thread came back.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Ran {
    /// It has blocked or ended.
    Done,
    /// Everything waits for the host; nothing has been decided.
    Pending,
}

/// How one stretch of a thread on its stack ended.
enum Stretch {
    /// Another thread is to go on, with the same resumer, and has no stack yet.
    Switched,
    /// Nobody is current.
    Stopped,
    /// Everything waits for the host; then this stack goes on.
    Pending(GuestStackPtr),
}

impl StoreOpaque {
    /// Resumes a thread that is ready or suspended, until it blocks or ends.
    ///
    /// # Errors
    /// If it fails: then it has ended, and its instance is locked.
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

    /// Runs the current thread, or the stack that was left to wait for the host, and whoever goes on
    /// in its place.
    fn go_on(&mut self, mut interrupted: Option<GuestStackPtr>) -> Result<Ran> {
        loop {
            let interrupted = interrupted.take();
            let stretch = catch_unwind(AssertUnwindSafe(|| self.stretch(interrupted)));
            let stretch = stretch.unwrap_or_else(|payload| {
                self.abandon_current();
                // A thread was resumed, so there is a resumer.
                let _ = self.concurrency.scheduler.end_resume();
                self.settle_locks();
                resume_unwind(payload)
            });
            match stretch {
                Ok(Stretch::Switched) => {}
                Ok(Stretch::Stopped) => {
                    self.concurrency.scheduler.end_resume()?;
                    return Ok(Ran::Done);
                }
                Ok(Stretch::Pending(stack)) => {
                    self.concurrency.interrupted.push(stack);
                    let scheduler = &mut self.concurrency.scheduler;
                    scheduler.trace(|| TraceEvent::HostAwaited);
                    return Ok(Ran::Pending);
                }
                Err(error) => {
                    self.abandon_current();
                    self.concurrency.scheduler.end_resume()?;
                    self.settle_locks();
                    return Err(error);
                }
            }
        }
    }

    /// Runs a stack until who runs on it stops: that of the current thread, which it gets if it has
    /// none.
    fn stretch(&mut self, interrupted: Option<GuestStackPtr>) -> Result<Stretch> {
        let stack = match interrupted {
            Some(stack) => stack,
            None => {
                let thread = self.concurrency.current_thread()?;
                let stack = thread.stack.ptr();
                if !matches!(thread.next, Next::GoOn) {
                    if !self.prepare()? {
                        return Ok(Stretch::Stopped);
                    }
                    self.begin_guest(stack, body)?;
                }
                stack
            }
        };
        match self.resume_guest(stack) {
            GuestStep::Pending(stack) => Ok(Stretch::Pending(stack)),
            GuestStep::Blocked => Ok(match self.concurrency.scheduler.current() {
                Some(_) => Stretch::Switched,
                None => Stretch::Stopped,
            }),
            GuestStep::Finished(result) => {
                result?;
                Ok(Stretch::Stopped)
            }
        }
    }

    /// The current thread, which has no stack, is about to get one: what it does there. Whether it goes
    /// on at all.
    fn prepare(&mut self) -> Result<bool> {
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
    fn outcome(&mut self) -> Result<Outcome> {
        match self.concurrency.scheduler.take_outcome()? {
            Outcome::Trap(trap) => Err(trap.into()),
            outcome => Ok(outcome),
        }
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
                self.drop_hosted(stack);
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

    /// The thread that was current goes on as this one, which is; what it finds when it goes on
    /// itself.
    ///
    /// # Errors
    /// If it finds a trap.
    #[inline(always)]
    pub(super) fn switch_to(&mut self, other: ThreadId) -> Result<()> {
        self.go_to(other)?;
        self.outcome().map(drop)
    }

    /// Leaves the stack that runs for the current thread, which is another one of the component.
    #[inline(always)]
    fn go_to(&mut self, other: ThreadId) -> Result<()> {
        let thread = self.concurrency.scheduler.thread_payload(other);
        let thread = thread.ok_or_else(|| bug!("the current thread is gone"))?;
        let stack = thread.stack.ptr();
        match matches!(thread.next, Next::GoOn) || self.begin_at_once(stack) {
            true => self.switch_guest(stack),
            // Its resumer sees to it.
            false => self.block_guest(),
        }
    }

    /// Gives the current thread a stack, if nothing can keep it from going on there, nor fail.
    fn begin_at_once(&mut self, stack: GuestStackPtr) -> bool {
        let outcome = self.concurrency.scheduler.outcome();
        let goes_on = match self.concurrency.current_thread().map(|thread| &thread.next) {
            Ok(Next::Call(..)) => matches!(outcome, Ok(Outcome::Resumed)),
            Ok(Next::CallBack) => matches!(outcome, Ok(Outcome::Callback(_))),
            Ok(Next::Task | Next::GoOn | Next::CallBackWith(_)) | Err(_) => false,
        };
        goes_on && self.begin_guest(stack, body).is_ok() && matches!(self.prepare(), Ok(true))
    }

    /// The thread that runs has blocked: if its resumer is the event loop, and that would only resume the
    /// next thread of the component, this is done here, and the thread that runs goes on when it is
    /// resumed. Whether that was so.
    #[inline]
    fn hop(&mut self) -> Result<bool> {
        let Some((next, _, relation)) = self.next_here() else {
            return Ok(false);
        };
        self.concurrency.scheduler.resume_in_place(next)?;
        if relation == GuestRelation::Neighbour {
            self.go_to(next)?;
        }
        Ok(true)
    }

    /// Whom the event loop would resume next, if it is the resumer, has nothing else to do, and that is a
    /// thread of the component that runs, or who has just run itself; and its stack, if it has frames.
    #[inline]
    fn next_here(&mut self) -> Option<(ThreadId, Option<GuestStackPtr>, GuestRelation)> {
        if !self.may_hop() {
            return None;
        }
        let scheduler = &mut self.concurrency.scheduler;
        let next = scheduler.next_ready()?;
        let thread = scheduler.thread_payload(next)?;
        let (stack, has_frames) = (thread.stack.ptr(), matches!(thread.next, Next::GoOn));
        let relation = self.guest_relation(stack);
        let stack = has_frames.then_some(stack);
        (relation != GuestRelation::Stranger).then_some((next, stack, relation))
    }

    /// The thread that ran has ended or waits to be called back, so that its stack is free: if the event
    /// loop is the resumer, and would only resume another thread of the component, that is current now.
    /// If it has no stack, it goes on on this one. If it has one, and the thread that ran has ended, this
    /// stack is left for that, and this never returns. Whether it goes on here.
    ///
    /// # Errors
    /// If the other thread fails, which is current then.
    fn hand_over(&mut self, mut last: ThreadId) -> Result<bool> {
        while let Some((next, stack, _)) = self.next_here() {
            let scheduler = &mut self.concurrency.scheduler;
            let has_ended = scheduler.thread_payload(last).is_none();
            if stack.is_some() && !has_ended {
                return Ok(false);
            }
            scheduler.resume_in_place(next)?;
            if let Some(stack) = stack {
                self.leave_guest_for(stack);
            }
            if let Some((from, to)) = scheduler.thread_payloads_mut(last, next) {
                from.stack.hand_over(&mut to.stack);
            } else if last != next
                && let Some(to) = scheduler.thread_payload_mut(next)
            {
                to.stack.inherit();
            }
            if self.prepare()? {
                return Ok(true);
            }
            // It has blocked, and needs no stack any more.
            last = next;
        }
        Ok(false)
    }

    /// The current thread goes to its resumer; what it finds when it goes on.
    ///
    /// # Errors
    /// If it finds a trap.
    pub(super) fn block_current(&mut self) -> Result<Outcome> {
        if !self.hop()? {
            self.block_guest()?;
        }
        self.outcome()
    }
}

/// What a thread does on a stack without frames, and then others that it is handed over to.
fn body(store: &mut StoreOpaque) -> Result<()> {
    loop {
        let Some(id) = store.concurrency.scheduler.current() else {
            bail_bug!("nobody has got a stack");
        };
        let thread = store.concurrency.current_thread()?;
        match std::mem::replace(&mut thread.next, Next::GoOn) {
            Next::Task => task::run(store)?,
            Next::Call(func, closure) => thread::run(store, func, closure)?,
            Next::CallBackWith(event) => task::call_back(store, event)?,
            Next::GoOn | Next::CallBack => bail_bug!("a thread has got a stack and needs none"),
        }
        if !store.hand_over(id)? {
            return Ok(());
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

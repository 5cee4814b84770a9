//! Calls of the host that make tasks.

use super::aside::Aside;
use super::event_loop::{Driven, Outside};
use super::state::{Concurrency, GuestTask, GuestThread, TaskWork};
use super::turn::{Ran, new_stack, next_for_sync};
use crate::bug::bug;
use crate::component::Cancelled;
use crate::store::StoreOpaque;
use crate::trap::Trap as GuestTrap;
use crate::vm::{CallerSlot, ComponentInstancePtr, CoreFunc, Owned};
use anyhow::{Context as _, Result, anyhow};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use threadline_concurrent::{
    CancelRequest, InstanceId, NewTask, RawId, TaskId, TaskState, ThreadId,
};
use threadline_environ::canonical_abi::LiftOrLower;
use threadline_environ::component::InterfaceType;
use threadline_environ::layout::ValRaw;
use threadline_environ::{ComponentFuncTypeIndex, OptionsIndex, RuntimeComponentInstanceIndex};

/// The host's part of a call that makes a task.
pub(crate) trait HostCaller {
    /// Puts the core parameters in the slots.
    ///
    /// # Errors
    /// If they can't be lowered.
    fn lower(&mut self, store: &mut StoreOpaque, slots: &mut [ValRaw]) -> Result<()>;

    /// Takes the result of the core values in the slots.
    ///
    /// # Errors
    /// If it can't be lifted.
    fn lift(&mut self, store: &mut StoreOpaque, slots: &mut [ValRaw]) -> Result<()>;

    /// The call is over, well or not. A caller that the store keeps takes back what it has lent.
    fn over(&mut self, _: &StoreOpaque) {}
}

/// A lifted function, calls of which make tasks.
#[derive(Copy, Clone, Debug)]
pub(crate) struct HostTask {
    instance: ComponentInstancePtr,
    owner: RuntimeComponentInstanceIndex,
    core: CoreFunc,
    lift: OptionsIndex,
    kind: LiftOrLower,
    async_typed: bool,
    result: Option<InterfaceType>,
}

impl HostTask {
    /// A function that an instance lifts.
    pub(crate) fn new(
        instance: ComponentInstancePtr,
        core: CoreFunc,
        ty: ComponentFuncTypeIndex,
        lift: OptionsIndex,
    ) -> HostTask {
        let description = instance.description();
        let (ty, options) = (&description.types.funcs[ty], &description.options[lift]);
        HostTask {
            instance,
            owner: options.instance,
            core,
            lift,
            kind: options.lift(),
            async_typed: ty.async_,
            result: ty.result,
        }
    }

    /// How many core values a result has at most that isn't passed in memory.
    pub(crate) fn max_flat_results(&self) -> usize {
        match self.kind {
            LiftOrLower::LiftCallback | LiftOrLower::LiftStackful => {
                threadline_environ::canonical_abi::MAX_FLAT_PARAMS
            }
            _ => threadline_environ::canonical_abi::MAX_FLAT_RESULTS,
        }
    }
}

/// A call of the host that makes a task: a place and a generation, as ids of the scheduler's are.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostCallId(RawId);

/// Calls of the host that have not ended.
#[derive(Default)]
pub(crate) struct HostCalls {
    places: Vec<HostCall>,
    free: Vec<u32>,
    /// What callers want to be done at the next turn.
    pub(super) requests: VecDeque<Request>,
    /// The call that the thread that has failed last is part of.
    pub(super) failed: Option<HostCallId>,
    /// Calls of sync-typed functions that have to be resolved before anything else goes on, each within
    /// the one before.
    sync: Vec<SyncCall>,
    /// How far the event loop may be done without.
    pub(super) hops: Hops,
}

/// How often in a row a thread that blocks may let the next one go on without a trip through the event
/// loop, which has resumed it and would do just that.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Hops {
    pub(super) left: u32,
    /// How many resumptions there are where the loop is the innermost resumer.
    pub(super) depth: usize,
}

/// A call of a sync-typed function that was queued, has begun and isn't resolved.
#[derive(Copy, Clone, Debug)]
struct SyncCall {
    id: HostCallId,
    instance: InstanceId,
    /// How many resumptions it was begun within.
    depth: usize,
}

/// What a caller wants to be done.
#[derive(Copy, Clone, Debug)]
pub(super) enum Request {
    /// Begin this call.
    Begin(HostCallId),
    /// Nobody waits for it any more.
    Drop(HostCallId),
    /// It is to be cancelled, and is waited for.
    Cancel(HostCallId),
    /// This task is to be cancelled, for which nobody waits.
    CancelTask(TaskId),
}

struct HostCall {
    /// Of this call, or of the next one here.
    id: HostCallId,
    caller: CallerSlot,
    task: Option<TaskId>,
    resolution: Option<Resolution>,
    /// What is needed to begin it, of one that has not begun.
    queued: Option<HostTask>,
    /// The callee's instance, of one that isn't waited for by who turns the store.
    instance: Option<ComponentInstancePtr>,
    /// Who waits for that.
    waiter: Option<Waker>,
}

/// How a call ended.
#[derive(Debug)]
pub(super) enum Resolution {
    Returned,
    Cancelled,
    Failed(anyhow::Error),
}

impl Resolution {
    fn result(self) -> Result<()> {
        match self {
            Resolution::Returned => Ok(()),
            Resolution::Cancelled => Err(Cancelled.into()),
            Resolution::Failed(error) => Err(error),
        }
    }
}

impl HostCall {
    fn new(id: HostCallId) -> HostCall {
        HostCall {
            id,
            caller: CallerSlot::default(),
            task: None,
            resolution: None,
            queued: None,
            instance: None,
            waiter: None,
        }
    }
}

impl HostCalls {
    fn begin(&mut self) -> HostCallId {
        let place = self.free.pop().unwrap_or_else(|| {
            let place = u32::try_from(self.places.len());
            let place = place.expect("memory ends before 32-bit places do");
            let id = HostCallId(RawId::first(place));
            self.places.push(HostCall::new(id));
            place
        });
        self.places[place as usize].id
    }

    fn get(&mut self, id: HostCallId) -> Option<&mut HostCall> {
        let call = self.places.get_mut(id.0.index())?;
        (call.id == id).then_some(call)
    }

    /// Where the caller is.
    pub(crate) fn caller(&mut self, id: HostCallId) -> Option<&mut CallerSlot> {
        Some(&mut self.get(id)?.caller)
    }

    pub(super) fn resolve(&mut self, id: HostCallId, resolution: Resolution) {
        // Who waits for it looks.
        self.hops.left = 0;
        if let Some(call) = self.get(id) {
            call.resolution = Some(resolution);
            if let Some(waiter) = call.waiter.take() {
                waiter.wake();
            }
        }
    }

    /// How a call has ended, if it has.
    #[inline]
    pub(super) fn take_resolution(&mut self, id: HostCallId) -> Option<Resolution> {
        self.get(id)?.resolution.take()
    }

    /// Whether somebody waits for a call still.
    pub(super) fn is_unresolved(&mut self, id: HostCallId) -> bool {
        self.get(id).is_some_and(|call| call.resolution.is_none())
    }

    /// Something has failed that is part of a call: so has the call.
    ///
    /// # Errors
    /// The failure, if nobody waits for the call.
    pub(super) fn fail(&mut self, id: Option<HostCallId>, error: anyhow::Error) -> Result<()> {
        let Some((id, call)) = id.and_then(|id| Some((id, self.get(id)?))) else {
            return Err(error);
        };
        match call.resolution {
            None => self.resolve(id, Resolution::Failed(error)),
            // A consequence of the first failure, and nothing new to who waits.
            Some(Resolution::Failed(_)) => {}
            Some(Resolution::Returned | Resolution::Cancelled) => return Err(error),
        }
        Ok(())
    }

    /// Why a call has failed, if its caller is left for this reason.
    fn first_failure(&mut self, id: HostCallId, error: anyhow::Error) -> anyhow::Error {
        match self.take_resolution(id) {
            Some(Resolution::Failed(first)) => first,
            _ => error,
        }
    }

    /// Forgets a call; `take` may take of it what is needed still.
    #[inline]
    fn end<R>(&mut self, id: HostCallId, take: impl FnOnce(&mut HostCall) -> R) -> Option<R> {
        let call = self.get(id)?;
        let taken = take(call);
        call.caller = CallerSlot::default();
        call.task = None;
        call.resolution = None;
        call.queued = None;
        call.instance = None;
        call.waiter = None;
        // A place that has run out of generations is never used again.
        if let Some(next) = id.0.next() {
            call.id = HostCallId(next);
            self.free.push(id.0.place());
        }
        Some(taken)
    }

    /// Whoever waits for calls of an instance looks again: it is locked.
    pub(super) fn wake_callers_of(&mut self, instance: ComponentInstancePtr) {
        for call in &mut self.places {
            if call.instance == Some(instance)
                && let Some(waiter) = call.waiter.take()
            {
                waiter.wake();
            }
        }
    }

    /// Whether a call of a sync-typed function has to be resolved before anything else goes on.
    pub(super) fn has_sync_call(&self) -> bool {
        !self.sync.is_empty()
    }

    /// How many calls have not ended.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}

impl Concurrency {
    /// The current thread fails: which call of the host it is part of is noted.
    pub(super) fn note_failed_call(&mut self) {
        self.host_calls.failed = self.current_root();
    }
}

/// Calls that are waited for by who turns the store.
impl StoreOpaque {
    /// Lowers the parameters of a call of the host that starts.
    pub(super) fn lower_params(&mut self, call: HostCallId, slots: &mut [ValRaw]) -> Result<()> {
        let lowered = self.use_caller(call, |caller, store| caller.lower(store, slots));
        lowered.context("a call starts whose caller has gone")?
    }

    /// Lifts the result of a call of the host that returns; if nobody waits for it, it is ignored.
    pub(super) fn lift_result(&mut self, call: HostCallId, slots: &mut [ValRaw]) -> Result<()> {
        match self.use_caller(call, |caller, store| caller.lift(store, slots)) {
            Some(lifted) => lifted?,
            None => return Ok(()),
        }
        self.concurrency
            .host_calls
            .resolve(call, Resolution::Returned);
        Ok(())
    }

    /// The task has acknowledged that it is cancelled.
    pub(super) fn host_call_cancelled(&mut self, call: HostCallId) {
        self.concurrency
            .host_calls
            .resolve(call, Resolution::Cancelled);
    }

    /// Makes a task and runs it until it blocks or ends.
    fn begin_task(&mut self, task: &HostTask, call: HostCallId) -> Result<Ran> {
        let instance = self.scheduled(task.instance, task.owner);
        let stack = new_stack(self, task.instance)?;
        let payload = || GuestTask {
            instance: task.instance,
            lift: Some(Owned::new(task.instance, task.lift)),
            result: Owned::new(task.instance, task.result),
            work: TaskWork::Host {
                core: task.core,
                call,
            },
            root: Some(call),
            args: None,
            out: 0,
            scope: 0,
        };
        let (id, thread) = self.concurrency.scheduler.new_task(NewTask {
            instance,
            async_typed: task.async_typed,
            needs_exclusive: task.kind != LiftOrLower::LiftStackful,
            caller: None,
            task: payload,
            thread: || GuestThread::of_task(stack),
        })?;
        if let Some(call) = self.concurrency.host_calls.get(call) {
            call.task = Some(id);
        }
        self.run_thread(thread)
    }

    /// Turns the event loop until a call is resolved; of a sync-typed function, only what its instance
    /// does.
    fn drive_call(&mut self, task: &HostTask, id: HostCallId) -> Result<Driven<Resolution>> {
        if task.async_typed {
            return self.drive(Outside::Nothing, |store| {
                let resolution = store.concurrency.host_calls.take_resolution(id);
                // If something else has failed there, who was in it will never return.
                Ok(resolution.or_else(|| {
                    let is_locked = task.instance.is_locked();
                    let error = GuestTrap::CannotEnterComponent;
                    is_locked.then(|| Resolution::Failed(error.into()))
                }))
            });
        }
        loop {
            if let Some(resolution) = self.concurrency.host_calls.take_resolution(id) {
                return Ok(Driven::Done(resolution));
            }
            let instance = self.scheduled(task.instance, task.owner);
            let next = next_for_sync(&mut self.concurrency.scheduler, instance)?;
            if self.run_thread(next)? == Ran::Pending {
                return Ok(Driven::Pending);
            }
        }
    }

    /// Ends a call, whatever waited for it. If it isn't resolved, its task is to be cancelled: at once if
    /// it waits to enter, because it must not start without its caller.
    fn end_call(&mut self, id: HostCallId, is_resolved: bool) {
        let calls = &mut self.concurrency.host_calls;
        if let Some(Some(task)) = calls.end(id, |call| call.task)
            && !is_resolved
            && !self.cancel_before_start(task)
        {
            let calls = &mut self.concurrency.host_calls;
            calls.requests.push_back(Request::CancelTask(task));
        }
    }

    /// Cancels a task that waits to enter its instance; whether it did.
    fn cancel_before_start(&mut self, task: TaskId) -> bool {
        // Nothing runs for that, and it can't fail.
        self.concurrency.scheduler.waits_to_enter(task) && self.cancel_task(task).is_ok()
    }

    /// Calls a function, as a task, from within a plain call: nothing can wait for the host.
    ///
    /// # Errors
    /// If the task fails, or can't return without the host.
    pub(crate) fn call_task(&mut self, task: &HostTask, caller: &mut dyn HostCaller) -> Result<()> {
        let id = self.concurrency.host_calls.begin();
        let driven = self.turn(None, |store| {
            store.with_caller(id, caller, |store| match store.begin_task(task, id)? {
                Ran::Done => store.drive_call(task, id),
                Ran::Pending => Ok(Driven::Pending),
            })
        });
        let calls = &mut self.concurrency.host_calls;
        let driven = driven.map_err(|error| calls.first_failure(id, error));
        self.end_call(id, matches!(driven, Ok(Driven::Done(_))));
        match driven? {
            Driven::Done(resolution) => resolution.result(),
            Driven::Pending => Err(anyhow!(
                "the call waits for a host function, and a plain call can't wait: call it with \
                 `call_async`"
            )),
        }
    }

    /// The same within a future.
    ///
    /// # Errors
    /// If the task fails, or nothing can ever go on.
    pub(crate) async fn call_task_async<C: HostCaller>(
        &mut self,
        task: HostTask,
        caller: &mut C,
    ) -> Result<()> {
        let id = self.concurrency.host_calls.begin();
        let mut call = AsyncCall {
            depth: self.concurrency.scheduler.depth(),
            store: self,
            id,
            is_resolved: false,
            aside: Aside::default(),
        };
        let mut begun = false;
        let resolution = poll_fn(|cx| {
            let aside = &mut call.aside;
            let driven = call.store.turn(Some(cx), |store| {
                store.concurrency.take_up(aside)?;
                store.with_caller(id, caller, |store| {
                    let ran = match std::mem::replace(&mut begun, true) {
                        true => store.go_on_after_host()?,
                        false => store.begin_task(&task, id)?,
                    };
                    match ran {
                        Ran::Done => store.drive_call(&task, id),
                        Ran::Pending => Ok(Driven::Pending),
                    }
                })
            });
            match driven {
                Ok(Driven::Done(resolution)) => Poll::Ready(Ok(resolution)),
                Ok(Driven::Pending) => {
                    call.aside = call.store.concurrency.set_aside(call.depth);
                    Poll::Pending
                }
                Err(error) => {
                    let calls = &mut call.store.concurrency.host_calls;
                    Poll::Ready(Err(calls.first_failure(id, error)))
                }
            }
        });
        let resolution = resolution.await?;
        call.is_resolved = true;
        drop(call);
        resolution.result()
    }
}

/// A call within a future; dropped early, it gives the task up.
struct AsyncCall<'a> {
    store: &'a mut StoreOpaque,
    id: HostCallId,
    /// How many resumptions it was made within.
    depth: usize,
    is_resolved: bool,
    aside: Aside,
}

impl Drop for AsyncCall<'_> {
    fn drop(&mut self) {
        self.store.abandon_interrupted(self.depth, &mut self.aside);
        self.store.end_call(self.id, self.is_resolved);
    }
}

/// Calls that the event loop begins, and others wait for: several at once.
impl StoreOpaque {
    /// Makes a call that begins at the next turn.
    pub(crate) fn queue_call(
        &mut self,
        task: HostTask,
        caller: Box<dyn HostCaller + Send>,
    ) -> HostCallId {
        let calls = &mut self.concurrency.host_calls;
        let id = calls.begin();
        if let Some(call) = calls.get(id) {
            call.caller = CallerSlot::Kept(caller);
            call.instance = Some(task.instance);
            call.queued = Some(task);
        }
        calls.requests.push_back(Request::Begin(id));
        id
    }

    /// Whether a call that was queued is over, and how; then it is forgotten.
    pub(crate) fn poll_call(&mut self, id: HostCallId, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(call) = self.concurrency.host_calls.get(id) else {
            return Poll::Ready(Err(bug!("a call that is gone is waited for").into()));
        };
        let result = match call.resolution.take() {
            Some(resolution) => resolution.result(),
            // Whoever was in it will never return.
            None if call.task.is_some() && call.instance.is_some_and(|it| it.is_locked()) => {
                Err(GuestTrap::CannotEnterComponent.into())
            }
            None => {
                call.waiter = Some(cx.waker().clone());
                return Poll::Pending;
            }
        };
        self.forget_call(id);
        Poll::Ready(result)
    }

    /// A call that was queued is over; its task, if it goes on.
    fn forget_call(&mut self, id: HostCallId) -> Option<TaskId> {
        let take = |call: &mut HostCall| (std::mem::take(&mut call.caller), call.task);
        let (caller, task) = self.concurrency.host_calls.end(id, take)?;
        if let CallerSlot::Kept(mut caller) = caller {
            caller.over(self);
        }
        task
    }

    /// Has what a caller wants done; at once, if its call has not begun, and then never does.
    pub(super) fn request(&mut self, request: Request) {
        let calls = &mut self.concurrency.host_calls;
        let (Request::Cancel(id) | Request::Drop(id)) = request else {
            calls.requests.push_back(request);
            return;
        };
        let begun = calls
            .get(id)
            .map(|call| (call.queued.take().is_none(), call.task));
        if let Some((true, Some(task))) = begun
            && self.concurrency.scheduler.waits_to_enter(task)
        {
            // It must not start without its caller.
            if let Request::Drop(_) = request {
                self.forget_call(id);
            }
            self.cancel_before_start(task);
        } else if begun.is_none_or(|(has_begun, _)| has_begun) {
            self.concurrency.host_calls.requests.push_back(request);
        } else if let Request::Cancel(_) = request {
            self.host_call_cancelled(id);
        } else {
            self.forget_call(id);
        }
    }

    /// Does what a caller wants.
    pub(super) fn handle_request(&mut self, request: Request) -> Result<Ran> {
        match request {
            Request::Begin(id) => self.begin_queued(id),
            Request::Drop(id) => match self.forget_call(id) {
                Some(task) => self.cancel_task(task),
                None => Ok(Ran::Done),
            },
            Request::Cancel(id) => {
                let call = self.concurrency.host_calls.get(id);
                match call.and_then(|call| call.task) {
                    Some(task) => self.cancel_task(task),
                    None => Ok(Ran::Done),
                }
            }
            Request::CancelTask(task) => self.cancel_task(task),
        }
    }

    fn begin_queued(&mut self, id: HostCallId) -> Result<Ran> {
        let Some(call) = self.concurrency.host_calls.get(id) else {
            return Ok(Ran::Done);
        };
        let Some(task) = call.queued.take() else {
            return Ok(Ran::Done);
        };
        let depth = self.concurrency.scheduler.depth();
        match self.begin_task(&task, id) {
            Ok(ran) => {
                let calls = &mut self.concurrency.host_calls;
                if !task.async_typed && calls.is_unresolved(id) {
                    let instance = self.scheduled(task.instance, task.owner);
                    self.concurrency.host_calls.sync.push(SyncCall {
                        id,
                        instance,
                        depth,
                    });
                }
                Ok(ran)
            }
            Err(error) => {
                let calls = &mut self.concurrency.host_calls;
                calls.failed = None;
                calls.fail(Some(id), error)?;
                Ok(Ran::Done)
            }
        }
    }

    /// The call of a sync-typed function that keeps everything else from going on here.
    fn sync_call(&self) -> Option<SyncCall> {
        let last = self.concurrency.host_calls.sync.last().copied();
        last.filter(|call| call.depth == self.concurrency.scheduler.depth())
    }

    /// What is to be done next of what callers want.
    pub(super) fn next_request(&mut self) -> Option<Request> {
        match self.sync_call() {
            Some(_) => None,
            None => self.concurrency.host_calls.requests.pop_front(),
        }
    }

    /// The next thread that goes on: for the call of a sync-typed function, if there is one. If nothing of
    /// its instance can go on, that has failed.
    pub(super) fn next_thread(&mut self) -> Option<ThreadId> {
        while let Some(SyncCall { id, instance, .. }) = self.sync_call() {
            let calls = &mut self.concurrency.host_calls;
            if calls.is_unresolved(id) {
                match next_for_sync(&mut self.concurrency.scheduler, instance) {
                    Ok(next) => return Some(next),
                    Err(trap) => {
                        let (instance, _) = self.concurrency.instance(instance);
                        instance.lock();
                        self.settle_locks();
                        let calls = &mut self.concurrency.host_calls;
                        calls.resolve(id, Resolution::Failed(trap.into()));
                    }
                }
            }
            self.concurrency.host_calls.sync.pop();
        }
        self.concurrency.scheduler.next_ready()
    }

    /// `Task.request_cancellation`, by the host.
    fn cancel_task(&mut self, task: TaskId) -> Result<Ran> {
        match self.concurrency.scheduler.task_state(task) {
            TaskState::Initial | TaskState::Started => {}
            // It is asked already, or over.
            TaskState::PendingCancel | TaskState::CancelDelivered | TaskState::Resolved => {
                return Ok(Ran::Done);
            }
        }
        match self.concurrency.scheduler.request_cancellation(task)? {
            CancelRequest::BeforeStart(cancelled) => {
                if let TaskWork::Host { call, .. } = cancelled.task.work {
                    self.host_call_cancelled(call);
                }
                Ok(Ran::Done)
            }
            CancelRequest::Later => Ok(Ran::Done),
            CancelRequest::Resume(mut thread) => loop {
                if self.run_from_loop(thread)? == Ran::Pending {
                    return Ok(Ran::Pending);
                }
                match self.concurrency.scheduler.next_for_cancellation(task) {
                    Some(next) => thread = next,
                    None => return Ok(Ran::Done),
                }
            },
        }
    }
}

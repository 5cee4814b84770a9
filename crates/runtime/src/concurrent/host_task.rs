//! Tasks of the host: futures that a store keeps and its event loop polls.
//!
//! A call of a host function that is defined by `func_wrap_concurrent` is one, if it isn't ready at once:
//! then it is a subtask of its caller. Futures that are spawned are others, and so is the future of
//! `run_concurrent`, which has a place here, to be woken, and isn't kept.
//!
//! Each has a *place*, whose waker is made once and serves all its tenants: that a tenant is woken on
//! behalf of the one before it does no harm. While a future is polled it isn't in its place, and the
//! place isn't given to anybody else.
//!
//! What drives the host's ends of streams and futures is woken likewise (`super::host_end`).

use super::answer::{After, Answer, HostFunction};
use super::host_call::HostCallId;
use super::mail::{Bell, Letters, Mail};
use super::state::{GuestSubtask, Lent};
use super::{call, waitable};
use crate::bug::bug;
use crate::canonical_abi::CallHandles;
use crate::component::Cancelled;
use crate::store::StoreOpaque;
use crate::trap::Trap as GuestTrap;
use crate::vm::{CallSite, ComponentInstancePtr, OtherKind, lend, lend_nothing};
use anyhow::Result;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use threadline_concurrent::{EndId, SubtaskId, SubtaskState, Wait};
use threadline_environ::layout::ValRaw;

/// What a task of the host does; a call's gives the flat result, having lowered it. The store is lent
/// to it while it is polled.
pub(crate) type HostTaskFuture = Pin<Box<dyn Future<Output = Result<u64>> + Send>>;

/// A task of the host: a place and a generation.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostTaskId {
    place: u32,
    generation: u32,
}

/// All tasks of the host.
#[derive(Default)]
pub(crate) struct HostTasks {
    places: Vec<Place>,
    free: Vec<u32>,
    /// Places to be polled, in the order in which they were woken.
    woken: VecDeque<u32>,
    mail: Arc<Mail>,
    /// Whose future is polled.
    current: Option<HostTaskId>,
    /// How many futures are kept.
    kept: usize,
}

struct Place {
    generation: u32,
    bell: Arc<Bell>,
    /// Rings the bell; taken out while it is used.
    waker: Option<Waker>,
    tenant: Tenant,
    /// What is kept of a call or a spawned future; taken out while it is polled.
    future: Option<HostTaskFuture>,
    /// Whether its future is being polled, further out on the stack.
    is_polled: bool,
    /// Whether it was woken meanwhile.
    is_woken: bool,
    /// Whether whoever has called it would have it cancelled.
    is_cancelled: bool,
    /// Whether it sees to its cancellation itself; who is waiting for that.
    on_cancel: Option<Waker>,
    /// Who waits for it to end.
    joiner: Option<Waker>,
}

/// Whose a place is.
#[derive(Copy, Clone)]
enum Tenant {
    /// Nobody's.
    Free,
    /// A future's that is polled for the first time, or one's that has no business any more.
    Unkept,
    /// A call's.
    Call(Call),
    /// A spawned future's.
    Spawned,
    /// Of who polls its future itself.
    Outside,
    /// Of what drives an end of a stream or future.
    End(EndId),
}

/// A call of a host function.
#[derive(Copy, Clone)]
struct Call {
    subtask: SubtaskId,
    site: CallSite,
    /// The call of the host that the caller is part of.
    root: Option<HostCallId>,
}

/// A future has failed.
pub(super) struct Failure {
    /// The call of the host that its caller is part of, if it has one.
    pub(super) call: Option<HostCallId>,
    pub(super) error: anyhow::Error,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure { call: None, error }
    }
}

/// How far a future got.
enum Polled {
    Ready(Result<u64>),
    Pending(HostTaskFuture),
    Panicked(Box<dyn Any + Send>),
}

impl HostTasks {
    /// How tasks are woken.
    pub(crate) fn mail(&self) -> &Arc<Mail> {
        &self.mail
    }

    /// How many futures are kept.
    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    /// Whose future is polled.
    pub(crate) fn current(&self) -> Option<HostTaskId> {
        self.current
    }

    /// A place for somebody.
    fn reserve(&mut self, tenant: Tenant) -> HostTaskId {
        let place = self.free.pop().unwrap_or_else(|| self.new_place());
        let found = &mut self.places[place as usize];
        found.tenant = tenant;
        HostTaskId {
            place,
            generation: found.generation,
        }
    }

    #[cold]
    fn new_place(&mut self) -> u32 {
        let place = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        assert!(place < u32::MAX, "memory ends before 32-bit places do");
        let bell = Bell::new(&self.mail, place);
        self.places.push(Place {
            generation: 0,
            waker: Some(bell.clone().into()),
            bell,
            tenant: Tenant::Free,
            future: None,
            is_polled: false,
            is_woken: false,
            is_cancelled: false,
            on_cancel: None,
            joiner: None,
        });
        place
    }

    fn get(&mut self, id: HostTaskId) -> Option<&mut Place> {
        let place = self.places.get_mut(id.place as usize)?;
        let is_there = place.generation == id.generation
            && !matches!(place.tenant, Tenant::Free | Tenant::Unkept);
        is_there.then_some(place)
    }

    /// Whether a task has not ended.
    pub(crate) fn is_alive(&mut self, id: HostTaskId) -> bool {
        self.get(id).is_some()
    }

    /// Has a waker called when a task ends, which has not.
    pub(crate) fn on_end(&mut self, id: HostTaskId, joiner: &Waker) {
        if let Some(place) = self.get(id) {
            place.joiner = Some(joiner.clone());
        }
    }

    /// Whether a task's caller would have it cancelled; if not, has a waker called then. From now on it
    /// sees to its cancellation itself.
    pub(crate) fn poll_cancelled(&mut self, id: HostTaskId, waker: &Waker) -> bool {
        let Some(place) = self.places.get_mut(id.place as usize) else {
            return false;
        };
        if place.generation != id.generation {
            return false;
        }
        place.on_cancel = Some(waker.clone());
        place.is_cancelled
    }

    /// A place to be woken at by who polls its future itself, and its waker.
    pub(super) fn reserve_outside(&mut self) -> (HostTaskId, Waker) {
        let id = self.reserve(Tenant::Outside);
        let place = &mut self.places[id.place as usize];
        place.is_woken = true;
        (id, place.bell.clone().into())
    }

    /// A place for what drives an end.
    pub(super) fn reserve_for_end(&mut self, end: EndId) -> HostTaskId {
        self.reserve(Tenant::End(end))
    }

    /// What wakes a place, which is to be given back.
    #[inline]
    pub(super) fn take_waker(&mut self, id: HostTaskId) -> Option<Waker> {
        self.places.get_mut(id.place as usize)?.waker.take()
    }

    /// Gives back what wakes a place.
    #[inline]
    pub(super) fn give_waker(&mut self, id: HostTaskId, waker: Option<Waker>) {
        if let Some(place) = self.places.get_mut(id.place as usize) {
            place.waker = waker;
        }
    }

    /// A place is polled at the next turn.
    pub(super) fn wake(&mut self, id: HostTaskId) {
        self.woken.push_back(id.place);
    }

    /// One end more, or less, waits for something outside of the store.
    pub(super) fn end_waits(&mut self, waits: bool) {
        match waits {
            true => self.kept += 1,
            false => self.kept -= 1,
        }
    }

    /// Whether who polls its future itself was woken, which is forgotten.
    pub(super) fn take_woken(&mut self, id: HostTaskId) -> bool {
        self.get(id)
            .is_some_and(|place| std::mem::take(&mut place.is_woken))
    }

    /// A task ends; its future, if it is there. If that is being polled, its place isn't free yet.
    #[must_use = "drop it where nothing is lent"]
    pub(super) fn end(&mut self, id: HostTaskId) -> Option<HostTaskFuture> {
        let place = self.get(id)?;
        let future = place.future.take();
        let is_kept = matches!(place.tenant, Tenant::Call(_) | Tenant::Spawned);
        place.tenant = Tenant::Unkept;
        let joiner = place.joiner.take();
        if !place.is_polled {
            self.release(id);
        }
        if is_kept {
            self.kept -= 1;
        }
        if let Some(joiner) = joiner {
            joiner.wake();
        }
        future
    }

    /// A place is nobody's.
    fn release(&mut self, id: HostTaskId) {
        let place = &mut self.places[id.place as usize];
        debug_assert!(place.future.is_none(), "it was taken when the task ended");
        place.generation += 1;
        place.tenant = Tenant::Free;
        place.is_woken = false;
        place.is_cancelled = false;
        place.on_cancel = None;
        // A place that has run out of generations is never used again.
        if place.generation < u32::MAX {
            self.free.push(id.place);
        }
    }

    /// Keeps a future, whose place has been reserved.
    fn keep(&mut self, id: HostTaskId, tenant: Tenant, future: HostTaskFuture) {
        let place = &mut self.places[id.place as usize];
        place.tenant = tenant;
        place.future = Some(future);
        self.kept += 1;
        if std::mem::take(&mut place.is_woken) {
            self.woken.push_back(id.place);
        }
    }

    /// Keeps a future, to be polled at the next turn.
    pub(crate) fn spawn(&mut self, future: HostTaskFuture) -> HostTaskId {
        let id = self.reserve(Tenant::Unkept);
        self.keep(id, Tenant::Spawned, future);
        self.woken.push_back(id.place);
        id
    }

    /// Drops all futures.
    fn clear(&mut self) {
        self.woken.clear();
        self.free.clear();
        self.kept = 0;
        self.places.clear();
    }

    /// Takes letters out of the mail: those that aren't for places, if there are any.
    pub(super) fn take_letters(&mut self) -> Option<Letters> {
        self.mail.take(&mut self.woken)
    }

    /// Whether a place is to be polled.
    pub(super) fn has_woken(&self) -> bool {
        !self.woken.is_empty()
    }

    /// The next place to be polled.
    pub(super) fn next_woken(&mut self) -> Option<u32> {
        self.woken.pop_front()
    }

    /// The imports that kept calls are of.
    pub(super) fn imports(&self) -> impl Iterator<Item = String> {
        self.places.iter().filter_map(|place| match &place.tenant {
            Tenant::Call(call) => Some(call.site.import_name()),
            _ => None,
        })
    }

    /// The tasks that are calls of an instance.
    fn calls_of(&self, instance: ComponentInstancePtr) -> Vec<(HostTaskId, SubtaskId)> {
        let places = self.places.iter().enumerate();
        let calls = places.filter_map(|(index, place)| match &place.tenant {
            Tenant::Call(call) if call.site.caller().0 == instance => Some((
                HostTaskId {
                    place: index as u32,
                    generation: place.generation,
                },
                call.subtask,
            )),
            _ => None,
        });
        calls.collect()
    }
}

/// Calls a host function, whose future `begin` makes. The core function returns the flat result, or, if
/// it was lowered with `async`, how far the call is; that is put into the slots.
///
/// # Errors
/// Those of `begin` and the future, and if it can't be waited for.
#[inline]
pub(crate) fn host_task_call(
    store: &mut StoreOpaque,
    site: CallSite,
    slots: &mut [ValRaw],
    begin: impl FnOnce(&mut StoreOpaque, &CallHandles, &[ValRaw]) -> Result<HostTaskFuture>,
) -> Result<Answer> {
    let function = HostFunction {
        instance: Some(site.caller().0),
        returned: None,
        has_word: site.is_async() || site.has_flat_result(),
    };
    let handles = CallHandles::default();
    let id = store.concurrency.host_tasks.reserve(Tenant::Unkept);
    let begun = catch_unwind(AssertUnwindSafe(|| begin(store, &handles, slots)));
    let polled = match begun {
        Ok(Ok(future)) => store.poll_future(id, future),
        Ok(Err(error)) => Polled::Ready(Err(error)),
        Err(payload) => Polled::Panicked(payload),
    };
    let subtask = match polled {
        Polled::Pending(future) => begun_call(store, id, site, handles, future)?,
        over => {
            store.concurrency.host_tasks.release(id);
            handles.end(store);
            return match over {
                Polled::Ready(result) => {
                    let word = match site.is_async() {
                        true => result.map(|_| SubtaskState::Returned as u64),
                        false => result,
                    };
                    function.done(word?, slots)
                }
                Polled::Panicked(payload) => resume_unwind(payload),
                Polled::Pending(_) => Err(bug!("matched above").into()),
            };
        }
    };
    match site.is_async() {
        true => function.done(publish(store, site, subtask)?, slots),
        false => match store.concurrency.scheduler.wait_for_subtask(subtask)? {
            Wait::Ready(()) => function.done(call::finish(store, subtask)?, slots),
            Wait::Block => Ok(Answer::Blocked(After::HostSubtask(subtask, function))),
        },
    }
}

/// A call that isn't ready becomes a subtask of its caller.
fn begun_call(
    store: &mut StoreOpaque,
    id: HostTaskId,
    site: CallSite,
    handles: CallHandles,
    future: HostTaskFuture,
) -> Result<SubtaskId> {
    let (instance, owner) = site.caller();
    let caller = store.scheduled(instance, owner);
    let payload = GuestSubtask {
        host: Some(id),
        lent: Lent {
            handles: handles.keep(),
            ..Lent::default()
        },
        ..GuestSubtask::default()
    };
    let scheduler = &mut store.concurrency.scheduler;
    let subtask = scheduler.new_started_subtask(caller, payload)?;
    let root = store.concurrency.current_root();
    let call = Call {
        subtask,
        site,
        root,
    };
    let tasks = &mut store.concurrency.host_tasks;
    tasks.keep(id, Tenant::Call(call), future);
    // The host may have called the instance again, which trapped.
    if instance.is_locked() {
        store.end_host_tasks_of(instance);
        return Err(GuestTrap::CannotEnterComponent.into());
    }
    Ok(subtask)
}

/// The caller gets a handle.
fn publish(store: &mut StoreOpaque, site: CallSite, subtask: SubtaskId) -> Result<u64> {
    let (instance, owner) = site.caller();
    let table = instance.handle_table(owner)?;
    let index = waitable::add(store, table, OtherKind::Subtask, subtask.to_bits())?;
    let scheduler = &mut store.concurrency.scheduler;
    Ok(scheduler.publish_subtask(subtask, index)?.into())
}

impl StoreOpaque {
    /// Polls a future, which is not in its place.
    #[inline]
    fn poll_future(&mut self, id: HostTaskId, mut future: HostTaskFuture) -> Polled {
        let tasks = &mut self.concurrency.host_tasks;
        let place = &mut tasks.places[id.place as usize];
        place.is_polled = true;
        let waker = place.waker.take();
        let outer = tasks.current.replace(id);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            lend(self, || {
                let waker = waker.as_ref().unwrap_or(Waker::noop());
                future.as_mut().poll(&mut Context::from_waker(waker))
            })
        }));
        let tasks = &mut self.concurrency.host_tasks;
        tasks.current = outer;
        let place = &mut tasks.places[id.place as usize];
        place.waker = waker;
        place.is_polled = false;
        match polled {
            Ok(Poll::Ready(result)) => Polled::Ready(result),
            Ok(Poll::Pending) => Polled::Pending(future),
            Err(payload) => Polled::Panicked(payload),
        }
    }

    /// Polls the future at a place that was woken, if there is one, and sees to what comes of it.
    ///
    /// # Errors
    /// If a host function has failed: then its caller is locked.
    ///
    /// # Panics
    /// If the future panics, with its payload; likewise.
    pub(super) fn poll_host_task(&mut self, place: u32) -> Result<(), Failure> {
        let tasks = &mut self.concurrency.host_tasks;
        let found = &mut tasks.places[place as usize];
        found.bell.reset();
        let id = HostTaskId {
            place,
            generation: found.generation,
        };
        if found.is_polled {
            found.is_woken = true;
            return Ok(());
        }
        let call = match found.tenant {
            Tenant::Free | Tenant::Unkept => return Ok(()),
            Tenant::Outside => {
                found.is_woken = true;
                return Ok(());
            }
            Tenant::Call(call) => Some(call),
            Tenant::Spawned => None,
            Tenant::End(end) => return self.end_woken(end),
        };
        let Some(future) = found.future.take() else {
            return Ok(());
        };
        if let Some(call) = &call
            && call.site.caller().0.is_locked()
        {
            self.fail_host_task(id, Some(call));
            lend_nothing(|| drop(future));
            return Ok(());
        }
        let polled = self.poll_future(id, future);
        let tasks = &mut self.concurrency.host_tasks;
        if !tasks.is_alive(id) {
            // It was ended meanwhile.
            tasks.release(id);
            lend_nothing(|| drop(polled));
            return Ok(());
        }
        match polled {
            Polled::Pending(future) => {
                self.keep_on(id, future);
                Ok(())
            }
            Polled::Ready(result) => self.host_task_ended(id, call.as_ref(), result),
            Polled::Panicked(payload) => {
                self.fail_host_task(id, call.as_ref());
                resume_unwind(payload)
            }
        }
    }

    /// A future that isn't ready goes back to its place.
    fn keep_on(&mut self, id: HostTaskId, pending: HostTaskFuture) {
        let tasks = &mut self.concurrency.host_tasks;
        let place = &mut tasks.places[id.place as usize];
        place.future = Some(pending);
        if std::mem::take(&mut place.is_woken) {
            tasks.woken.push_back(id.place);
        }
    }

    fn host_task_ended(
        &mut self,
        id: HostTaskId,
        call: Option<&Call>,
        result: Result<u64>,
    ) -> Result<(), Failure> {
        let place = &self.concurrency.host_tasks.places[id.place as usize];
        let state = match &result {
            Ok(_) => Some(SubtaskState::Returned),
            Err(error) if place.is_cancelled && error.is::<Cancelled>() => {
                Some(SubtaskState::CancelledBeforeReturned)
            }
            Err(_) => None,
        };
        let flat = match (state, result) {
            (None, Err(error)) => {
                self.fail_host_task(id, call);
                let call = call.and_then(|call| call.root);
                return Err(Failure { call, error });
            }
            (_, result) => result.unwrap_or(0),
        };
        let ended = self.concurrency.host_tasks.end(id);
        debug_assert!(ended.is_none(), "it was polled");
        if let (Some(call), Some(state)) = (call, state) {
            self.resolve_host_call(call.subtask, state, flat)?;
        }
        Ok(())
    }

    /// The caller, if it is interested, is told how a call has ended.
    fn resolve_host_call(&mut self, id: SubtaskId, state: SubtaskState, flat: u64) -> Result<()> {
        let Some(subtask) = self.concurrency.subtask(id) else {
            return Ok(());
        };
        subtask.host = None;
        subtask.result = flat;
        Ok(self.concurrency.scheduler.host_resolved(id, state)?)
    }

    /// A task has failed: a caller is locked.
    fn fail_host_task(&mut self, id: HostTaskId, call: Option<&Call>) {
        let future = self.concurrency.host_tasks.end(id);
        lend_nothing(|| drop(future));
        if let Some(call) = call {
            self.fail_host_call(call.subtask);
            let (instance, _) = call.site.caller();
            instance.lock();
            self.settle_locks();
        }
    }

    /// A call will never return: nothing is lent for it any more.
    fn fail_host_call(&mut self, subtask: SubtaskId) {
        if let Some(payload) = self.concurrency.subtask(subtask) {
            payload.host = None;
            let handles = std::mem::take(&mut payload.lent.handles);
            handles.end(self);
        }
        self.concurrency.scheduler.host_failed(subtask);
    }

    /// Drops what host functions are doing for an instance, which is locked.
    pub(super) fn end_host_tasks_of(&mut self, instance: ComponentInstancePtr) {
        if self.concurrency.host_tasks.kept == 0 {
            return;
        }
        for (id, subtask) in self.concurrency.host_tasks.calls_of(instance) {
            let future = self.concurrency.host_tasks.end(id);
            lend_nothing(|| drop(future));
            self.fail_host_call(subtask);
        }
    }

    /// Drops all that the host does for guests and beside them, which may be done with this store, but not
    /// with the one that runs: before the store is taken apart, or moved.
    ///
    /// # Panics
    /// If the drop of a future does.
    pub(crate) fn drop_host_work(&mut self) {
        lend_nothing(|| {
            self.drop_all_futures();
            self.concurrency.host_tasks.clear();
            self.concurrency.host_ends.clear();
        });
    }

    /// A spawned task ends where it is.
    pub(super) fn abort_host_task(&mut self, id: HostTaskId) {
        let future = self.concurrency.host_tasks.end(id);
        lend_nothing(|| drop(future));
    }

    /// A host function is told that its caller wants it to be cancelled: its future is dropped, unless it
    /// sees to that itself. Then it is polled, and may end at once.
    pub(super) fn cancel_host_task(&mut self, subtask: SubtaskId) -> Result<()> {
        let Some(id) = self.concurrency.subtask(subtask).and_then(|it| it.host) else {
            return Ok(());
        };
        let tasks = &mut self.concurrency.host_tasks;
        let Some(place) = tasks.get(id) else {
            return Ok(());
        };
        place.is_cancelled = true;
        if let Some(waker) = place.on_cancel.take() {
            waker.wake();
            // A failure is the caller's who has asked for this, and runs.
            let polled = self.poll_host_task(id.place);
            return polled.map_err(|failure| failure.error);
        }
        let future = tasks.end(id);
        lend_nothing(|| drop(future));
        let state = SubtaskState::CancelledBeforeReturned;
        self.resolve_host_call(subtask, state, 0)
    }
}

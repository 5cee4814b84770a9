//! `canon lower` of a guest's function, a call of which makes a task.

use super::answer::{After, Answer, DONE};
use super::state::{Concurrency, GuestSubtask, GuestTask, GuestThread, TaskFuncs, TaskWork};
use super::turn::{Ran, new_stack, next_for_sync};
use super::waitable;
use crate::store::StoreOpaque;
use crate::vm::{ComponentInstancePtr, OtherKind, Owned, val_raw};
use anyhow::Result;
use threadline_concurrent::{NewTask, SubtaskId, SubtaskState, TaskId, Wait};
use threadline_environ::TaskAdapterIndex;
use threadline_environ::layout::ValRaw;

/// How many core parameters the caller of a task passes.
pub(crate) fn params(instance: ComponentInstancePtr, adapter: TaskAdapterIndex) -> usize {
    let funcs = instance.tasks().adapter(adapter);
    funcs.map_or(0, |funcs| funcs.params)
}

/// Calls a guest's function, with the caller's core parameters in the slots; the core results come
/// there.
pub(crate) fn task_call(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    adapter: TaskAdapterIndex,
    slots: &mut [ValRaw],
) -> Result<Answer> {
    let (subtask, ran) = begin(store, instance, adapter, slots)?;
    let call = TaskCall {
        instance,
        adapter,
        subtask,
    };
    match ran {
        Ran::Done => call.go_on(store, slots),
        Ran::Pending => call.wait_for_host(store),
    }
}

/// A call of a guest's function that has made a task, on behalf of the guest that made it.
#[derive(Copy, Clone, Debug)]
pub(crate) struct TaskCall {
    instance: ComponentInstancePtr,
    adapter: TaskAdapterIndex,
    subtask: SubtaskId,
}

impl TaskCall {
    /// Goes on when the thread that ran on behalf of the call has blocked or ended.
    ///
    /// # Errors
    /// If a thread fails that runs on behalf of the call, or the call can't ever return.
    #[inline]
    pub(super) fn go_on(self, store: &mut StoreOpaque, slots: &mut [ValRaw]) -> Result<Answer> {
        let subtask = self.subtask;
        let funcs = self.instance.tasks().adapter(self.adapter)?;
        match (funcs.lower_async, funcs.async_typed) {
            (true, _) => {
                let result = begun(store, self.instance, funcs, subtask)?;
                set_result(slots, result);
                Ok(DONE)
            }
            (false, true) => match store.concurrency.scheduler.wait_for_subtask(subtask)? {
                Wait::Ready(()) => deliver(store, subtask, slots),
                Wait::Block => Ok(Answer::Blocked(After::Subtask(subtask))),
            },
            (false, false) => {
                let callee = store.scheduled(self.instance, funcs.callee);
                while !is_resolved(store, subtask) {
                    let next = next_for_sync(&mut store.concurrency.scheduler, callee)?;
                    if store.run_thread(next)? == Ran::Pending {
                        return self.wait_for_host(store);
                    }
                }
                deliver(store, subtask, slots)
            }
        }
    }

    fn wait_for_host(self, store: &mut StoreOpaque) -> Result<Answer> {
        let stack = store.concurrency.take_interrupted()?;
        Ok(Answer::Waits(After::Call(self, stack)))
    }
}

fn set_result(slots: &mut [ValRaw], result: u64) {
    if let Some(slot) = slots.first_mut() {
        *slot = val_raw::from_i64(result as i64);
    }
}

/// Gives the caller the flat result of a call that is over.
pub(super) fn deliver(
    store: &mut StoreOpaque,
    subtask: SubtaskId,
    slots: &mut [ValRaw],
) -> Result<Answer> {
    let result = finish(store, subtask)?;
    set_result(slots, result);
    Ok(DONE)
}

/// Makes the subtask, the task and its thread, and lets that run until it blocks or ends.
fn begin(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    adapter: TaskAdapterIndex,
    slots: &[ValRaw],
) -> Result<(SubtaskId, Ran)> {
    let funcs = instance.tasks().adapter(adapter)?;
    let caller = store.scheduled(instance, funcs.caller);
    let callee = store.scheduled(instance, funcs.callee);
    let args = slots[..funcs.params]
        .iter()
        .map(|slot| val_raw::i64(slot) as u64);
    let out = args.clone().next_back().unwrap_or(0);
    let root = store.concurrency.current_root();
    let stack = new_stack(store, instance)?;
    let scheduler = &mut store.concurrency.scheduler;
    let subtask = scheduler.new_subtask(caller, GuestSubtask::default())?;
    let (task, thread) = scheduler.new_task(NewTask {
        instance: callee,
        async_typed: funcs.async_typed,
        needs_exclusive: funcs.needs_exclusive,
        caller: Some(subtask),
        task: || GuestTask {
            instance,
            lift: Some(Owned::new(instance, funcs.lift)),
            result: Owned::new(instance, funcs.result),
            work: TaskWork::Guest(adapter),
            root,
            out,
            args: None,
            scope: 0,
        },
        thread: || GuestThread::of_task(stack),
    })?;
    let incoming = &mut store.concurrency.incoming;
    let before = incoming.len();
    incoming.extend(args);
    let ran = store.run_thread(thread);
    keep_args(store, task, before);
    Ok((subtask, ran?))
}

/// A task that has not started in its caller's time keeps the parameters that came after this many.
#[inline]
fn keep_args(store: &mut StoreOpaque, task: TaskId, before: usize) {
    let Concurrency {
        scheduler,
        incoming,
        ..
    } = &mut store.concurrency;
    if incoming.len() > before {
        if let Some(task) = scheduler.task_payload_mut(task) {
            task.args = Some(incoming[before..].into());
        }
        incoming.truncate(before);
    }
}

fn is_resolved(store: &StoreOpaque, subtask: SubtaskId) -> bool {
    let state = store.concurrency.scheduler.subtask_state(subtask);
    state.is_none_or(SubtaskState::is_resolved)
}

/// What a call that was lowered with `async` answers.
fn begun(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    funcs: &TaskFuncs,
    subtask: SubtaskId,
) -> Result<u64> {
    if is_resolved(store, subtask) {
        finish(store, subtask)?;
        return Ok(SubtaskState::Returned as u64);
    }
    let table = instance.handle_table(funcs.caller)?;
    let index = waitable::add(store, table, OtherKind::Subtask, subtask.to_bits())?;
    let packed = store
        .concurrency
        .scheduler
        .publish_subtask(subtask, index)?;
    Ok(packed.into())
}

/// The end of a call that the caller never had a handle of: its flat result.
pub(super) fn finish(store: &mut StoreOpaque, subtask: SubtaskId) -> Result<u64> {
    let take = |subtask: &mut GuestSubtask| (subtask.result, subtask.take_lent());
    let (result, lent) = store.concurrency.scheduler.finish_subtask(subtask, take)?;
    if let Some(lent) = lent {
        lent.end(store);
    }
    Ok(result)
}

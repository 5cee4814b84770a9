//! `canon lower` of a guest's function, a call of which makes a task.

use super::state::{Concurrency, GuestSubtask, GuestTask, GuestThread, Next, TaskFuncs, TaskWork};
use super::turn::{Ran, new_stack, next_for_sync};
use super::waitable;
use crate::bug::bail_bug;
use crate::store::StoreOpaque;
use crate::vm::{ComponentInstancePtr, OtherKind, Owned, val_raw};
use anyhow::Result;
use threadline_concurrent::{InstanceId, NewTask, SubtaskId, SubtaskState, TaskId, Wait};
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
) -> Result<()> {
    let funcs = instance.tasks().adapter(adapter)?;
    let caller = store.scheduled(instance, funcs.caller);
    let callee = store.scheduled(instance, funcs.callee);
    let subtask = begin(store, instance, adapter, [caller, callee], slots)?;
    let result = match (funcs.lower_async, funcs.async_typed) {
        (true, _) => begun(store, instance, funcs, subtask)?,
        (false, true) => {
            match store.concurrency.scheduler.wait_for_subtask(subtask)? {
                Wait::Ready(()) => {}
                Wait::Block => {
                    store.block_current()?;
                }
            }
            finish(store, subtask)?
        }
        (false, false) => {
            while !is_resolved(store, subtask) {
                let next = next_for_sync(&mut store.concurrency.scheduler, callee)?;
                run(store, next)?;
            }
            finish(store, subtask)?
        }
    };
    if let Some(slot) = slots.first_mut() {
        *slot = val_raw::from_i64(result as i64);
    }
    Ok(())
}

/// Makes the subtask, the task and its thread, and lets that run until it blocks or ends.
fn begin(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    adapter: TaskAdapterIndex,
    [caller, callee]: [InstanceId; 2],
    slots: &[ValRaw],
) -> Result<SubtaskId> {
    let funcs = instance.tasks().adapter(adapter)?;
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
        thread: || GuestThread {
            stack,
            next: Next::Task,
        },
    })?;
    let incoming = &mut store.concurrency.incoming;
    let before = incoming.len();
    incoming.extend(args);
    let result = run(store, thread);
    keep_args(store, task, before);
    result?;
    Ok(subtask)
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

/// Runs a thread on behalf of a guest that has called.
pub(super) fn run(store: &mut StoreOpaque, thread: threadline_concurrent::ThreadId) -> Result<()> {
    match store.run_thread(thread)? {
        Ran::Done => Ok(()),
        Ran::Pending => bail_bug!("a guest waits for the host, and its caller can't"),
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

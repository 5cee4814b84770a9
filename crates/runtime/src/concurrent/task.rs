//! Tasks: what the implicit thread of a call does from its start to its end, and `task.*`.

use super::builtin::is_current;
use super::end::Owner;
use super::state::{GuestTask, Next, TaskWork};
use crate::bug::{bail_bug, bug};
use crate::store::StoreOpaque;
use crate::trap::Trap as GuestTrap;
use crate::vm::{ComponentInstancePtr, CoreFunc, IndexOf as _, ThreadKind, val_raw};
use anyhow::Result;
use smallvec::SmallVec;
use threadline_concurrent::{CallbackNext, Event, SubtaskId, Trap};
use threadline_environ::OptionsIndex;
use threadline_environ::canonical_abi::{LiftOrLower, MAX_FLAT_PARAMS};
use threadline_environ::component::InterfaceType;
use threadline_environ::layout::ValRaw;

/// Slots for any call of a task: the parameters, and where the caller wants the result.
pub(crate) const MAX_SLOTS: usize = MAX_FLAT_PARAMS + 1;

/// What a thread does whose core function has returned.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Returned {
    /// It calls this function, with its parameters in the slots.
    Calls(CoreFunc),
    /// It has ended, or waits to be called back.
    Over,
}

/// The core function of a task has returned, with this in the slots.
#[inline]
pub(super) fn returned(
    store: &mut StoreOpaque,
    lift: LiftOrLower,
    slots: &mut [ValRaw; MAX_SLOTS],
) -> Result<Returned> {
    match lift {
        LiftOrLower::LiftCallback => return callback_returned(store, slots),
        LiftOrLower::LiftStackful => {}
        LiftOrLower::Lift | LiftOrLower::Lower | LiftOrLower::LowerAsync => {
            return_result(store, slots, 1)?;
        }
    }
    store.end_current()?;
    Ok(Returned::Over)
}

/// `Task.start`: the core function to call, with its parameters in the slots, and how it is lifted.
#[inline]
pub(super) fn start(
    store: &mut StoreOpaque,
    slots: &mut [ValRaw; MAX_SLOTS],
) -> Result<(CoreFunc, LiftOrLower)> {
    store.concurrency.scheduler.start()?;
    let task = store.concurrency.current_task()?;
    let lift = match task.lift {
        Some(lift) => task.instance.options(lift)?.lift,
        None => LiftOrLower::Lift,
    };
    let func = match task.work {
        TaskWork::Guest(adapter) => {
            let funcs = task.instance.tasks().adapter(adapter)?;
            match task.args.take() {
                Some(args) => load_args(&args, slots),
                None => {
                    let incoming = &mut store.concurrency.incoming;
                    let from = incoming.len().checked_sub(funcs.params);
                    let from = from.ok_or_else(|| bug!("a task starts without parameters"))?;
                    load_args(&incoming[from..], slots);
                    incoming.truncate(from);
                }
            }
            funcs.start
        }
        TaskWork::Host { core, call } => {
            store.lower_params(call, slots)?;
            core
        }
        TaskWork::Start(core) => {
            load_args(&task.args.take().unwrap_or_default(), slots);
            core
        }
    };
    Ok((func, lift))
}

fn load_args(args: &[u64], slots: &mut [ValRaw; MAX_SLOTS]) {
    for (slot, &arg) in slots.iter_mut().zip(args) {
        *slot = val_raw::from_i64(arg as i64);
    }
}

/// The core function or the callback of a task that is lifted with a callback has returned: the next
/// step of the task's event loop.
#[inline]
pub(super) fn callback_returned(
    store: &mut StoreOpaque,
    slots: &mut [ValRaw; MAX_SLOTS],
) -> Result<Returned> {
    let packed = val_raw::i32(&slots[0]) as u32;
    let concurrency = &mut store.concurrency;
    let thread = concurrency.scheduler.current();
    let task = concurrency.current_task()?;
    let (instance, lift) = (task.instance, task.lift);
    let lift = lift.ok_or_else(|| bug!("a callback of a start function"))?;
    let table = instance.table_of(instance.options(lift)?)?;
    let next = concurrency
        .scheduler
        .callback_returned(packed, |index| super::waitable::set_at(table, index))?;
    match next {
        CallbackNext::Exit => {
            store.end_current()?;
            Ok(Returned::Over)
        }
        CallbackNext::Block => {
            // It gives its stack back.
            let thread = thread.and_then(|id| concurrency.scheduler.thread_payload_mut(id));
            if let Some(thread) = thread {
                thread.next = Next::CallBack;
            }
            Ok(Returned::Over)
        }
        CallbackNext::Call(event) => Ok(Returned::Calls(call_back(store, event, slots)?)),
    }
}

/// The callback of the current task, to be called with an event.
#[inline]
pub(super) fn call_back(
    store: &mut StoreOpaque,
    event: Event,
    slots: &mut [ValRaw; MAX_SLOTS],
) -> Result<CoreFunc> {
    super::waitable::delivered(store, &event);
    let task = store.concurrency.current_task()?;
    let (instance, lift) = (task.instance, task.lift);
    let options = lift.map(|lift| instance.options(lift)).transpose()?;
    let callback = options.and_then(|options| options.callback);
    let callback = callback.and_then(|index| instance.tasks().callback(index));
    let callback = callback.ok_or_else(|| bug!("a task without a callback is called back"))?;
    let operands = [event.code as u32, event.index, event.payload];
    for (slot, operand) in slots.iter_mut().zip(operands) {
        *slot = val_raw::from_i32(operand as i32);
    }
    Ok(callback)
}

/// `Task.return_` of the current task, with core values in the first `count` slots, and room for one
/// more.
fn return_result(store: &mut StoreOpaque, slots: &mut [ValRaw], count: usize) -> Result<()> {
    let caller = store.concurrency.scheduler.check_return()?;
    let task = store.concurrency.current_task()?;
    let (instance, scope, out) = (task.instance, task.scope, task.out);
    match task.work {
        TaskWork::Guest(adapter) => {
            let funcs = instance.tasks().adapter(adapter)?;
            check_borrows(instance, scope)?;
            if let Some(caller) = caller {
                slots[count] = val_raw::from_i64(out as i64);
                return_to_guest(store, funcs.return_, caller, slots)?;
            }
        }
        TaskWork::Host { call, .. } => store.lift_result(call, slots)?,
        TaskWork::Start(_) => {}
    }
    Ok(store.concurrency.scheduler.return_()?)
}

fn return_to_guest(
    store: &mut StoreOpaque,
    return_: CoreFunc,
    caller: SubtaskId,
    slots: &mut [ValRaw],
) -> Result<()> {
    // What it calls, `realloc` and `post-return`, may not leave their instances, so nothing blocks.
    store.invoke(ThreadKind::Same, return_.entrance, return_.func, slots)?;
    if let Some(subtask) = store.concurrency.subtask(caller) {
        subtask.result = val_raw::i64(&slots[0]) as u64;
    }
    Ok(())
}

/// A task that returns or is cancelled must have dropped what it borrowed.
fn check_borrows(instance: ComponentInstancePtr, scope: u32) -> Result<(), GuestTrap> {
    match scope {
        0 => Ok(()),
        scope => instance.borrow_scopes().check(scope),
    }
}

/// Returns the current task, of which `owner` calls a built-in.
///
/// # Errors
/// [`Trap::TaskNotAsync`] if the task is not one of `owner`, or was not lifted with `async`. The
/// current task is another instance's if a call of `owner` made none: `task.return` and
/// `task.cancel` alone give an instance no tasks. In a start function or destructor there may be no
/// current task at all.
#[inline]
fn async_task(store: &mut StoreOpaque, owner: Owner) -> Result<&mut GuestTask> {
    if !is_current(store, owner) {
        return Err(Trap::TaskNotAsync.into());
    }
    let task = store.concurrency.current_task()?;
    if task.instance != owner.0 {
        bail_bug!("a thread of one component runs a task of another");
    }
    let Some(lift) = task.lift else {
        return Err(Trap::TaskNotAsync.into());
    };
    match task.instance.options(lift)?.is_async {
        true => Ok(task),
        false => Err(Trap::TaskNotAsync.into()),
    }
}

/// `task.return`, with these core values in the slots.
pub(super) fn task_return(
    store: &mut StoreOpaque,
    owner: Owner,
    result: Option<InterfaceType>,
    index: OptionsIndex,
    slots: &[ValRaw],
) -> Result<()> {
    let task = async_task(store, owner)?;
    let Some(lift) = task.lift else {
        bail_bug!("a start function has been lifted");
    };
    let instance = owner.0;
    let (own, given) = (instance.options(lift)?, instance.options(index)?);
    // Where the result has nothing in memory, `task.return` needs no memory, though the lifting may
    // have one: the reference tests have it so.
    let same = task.result.of(instance)? == result
        && own.string_encoding == given.string_encoding
        && given.has_memory_of(own);
    if !same {
        return Err(Trap::TaskReturnMismatch.into());
    }
    // There is always one slot.
    let count = result.map_or(0, |_| slots.len());
    let mut all = SmallVec::<[ValRaw; MAX_SLOTS]>::from_slice(&slots[..count]);
    all.push(val_raw::ZERO);
    return_result(store, &mut all, count)
}

/// `task.cancel`.
pub(super) fn task_cancel(store: &mut StoreOpaque, owner: Owner) -> Result<()> {
    let task = async_task(store, owner)?;
    let (instance, scope, work) = (task.instance, task.scope, task.work);
    store.concurrency.scheduler.task_cancel()?;
    check_borrows(instance, scope)?;
    if let TaskWork::Host { call, .. } = work {
        store.host_call_cancelled(call);
    }
    Ok(())
}

/// Returns the current task, of which an adapter of `instance` asks something.
///
/// # Errors
/// If it is not a task of that component: adapters ask in the task that they start.
fn own_task(store: &mut StoreOpaque, instance: ComponentInstancePtr) -> Result<&mut GuestTask> {
    let task = store.concurrency.current_task()?;
    match task.instance == instance {
        true => Ok(task),
        false => bail_bug!("an adapter asks of a task of another component"),
    }
}

/// `ScopeOp::OfTask`.
pub(crate) fn scope_of_task(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
) -> Result<u32> {
    let task = own_task(store, instance)?;
    if task.scope != 0 {
        return Ok(task.scope);
    }
    let scopes = task.instance.borrow_scopes();
    if scopes.is_full() {
        store.grow_borrow_scopes(scopes)?;
    }
    let scope = scopes.enter()?;
    store.concurrency.current_task()?.scope = scope;
    Ok(scope)
}

/// `ScopeOp::LendsToTask`: what the caller of the running task lends to it.
pub(crate) fn lends_of_task(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
) -> Result<u32> {
    let task = own_task(store, instance)?;
    let (instance, caller) = match task.work {
        TaskWork::Guest(adapter) => (
            task.instance,
            task.instance.tasks().adapter(adapter)?.caller,
        ),
        TaskWork::Host { .. } | TaskWork::Start(_) => bail_bug!("the host lends by itself"),
    };
    let concurrency = &mut store.concurrency;
    let id = concurrency.scheduler.current_task()?;
    let Some(subtask) = concurrency.scheduler.caller_of(id) else {
        bail_bug!("a task without a caller is lent something");
    };
    let subtask = concurrency.subtask(subtask);
    let subtask = subtask.ok_or_else(|| bug!("a caller is gone that lends"))?;
    let (.., list) = *subtask
        .lent
        .lenders
        .get_or_insert_with(|| (instance, caller, instance.begin_lends()));
    Ok(list)
}

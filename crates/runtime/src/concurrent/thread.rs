//! `thread.*`: guest threads that guests make and switch between.

use super::answer::{After, Answer};
use super::state::{Doing, GuestThread, Next};
use super::turn::new_stack;
use crate::bug::bug;
use crate::store::StoreOpaque;
use crate::trap::Trap as GuestTrap;
use crate::type_registry::TypeId;
use crate::vm::{ComponentInstancePtr, CoreFunc, Entrance, FuncRefPtr, val_raw};
use anyhow::{Context as _, Result};
use threadline_concurrent::Switch;
use threadline_environ::component::PlainBuiltin;
use threadline_environ::layout::ValRaw;
use threadline_environ::types::AddressType;
use threadline_environ::{RuntimeTableIndex, SlotType};

/// A switch: the current thread goes on later, and gives 0.
#[inline(always)]
fn switched(store: &mut StoreOpaque, switch: Switch) -> Answer {
    match switch {
        Switch::Stay => Answer::Done(0),
        // The other thread's built-in gives 0 as well.
        Switch::To(_) if store.switch_at_once() => Answer::Done(0),
        Switch::To(_) | Switch::Block => Answer::Blocked(After::Switched),
    }
}

/// `thread.index` and all that switch. The current thread is one of the instance that calls.
#[inline(always)]
pub(super) fn thread_builtin(
    store: &mut StoreOpaque,
    builtin: PlainBuiltin,
    index: u32,
) -> Result<Answer> {
    if builtin == PlainBuiltin::ThreadYield
        && store.may_hop()
        && let Some(switch) = store.concurrency.scheduler.yield_at_once()
    {
        return Ok(switched(store, switch));
    }
    let scheduler = &mut store.concurrency.scheduler;
    let switch = match builtin {
        PlainBuiltin::ThreadSuspendThenResume => scheduler.thread_suspend_then_resume(index)?,
        PlainBuiltin::ThreadYieldThenResume => scheduler.thread_yield_then_resume(index)?,
        PlainBuiltin::ThreadSuspendThenPromote => scheduler.thread_suspend_then_promote(index)?,
        PlainBuiltin::ThreadYieldThenPromote => scheduler.thread_yield_then_promote(index)?,
        PlainBuiltin::ThreadSuspend => scheduler.thread_suspend()?,
        PlainBuiltin::ThreadYield => scheduler.thread_yield()?,
        PlainBuiltin::ThreadResumeLater => {
            scheduler.thread_resume_later(index)?;
            Switch::Stay
        }
        PlainBuiltin::ThreadIndex => return Ok(Answer::Done(scheduler.thread_index()?.into())),
        other => return Err(bug!("{} is of no thread", other.name()).into()),
    };
    Ok(switched(store, switch))
}

/// `thread.new-indirect`, of a function at this place of a table.
pub(super) fn new_indirect(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    table: (RuntimeTableIndex, AddressType),
    closure: SlotType,
    slots: &mut [ValRaw],
) -> Result<()> {
    let (table, address) = table;
    let at = val_raw::address(address, &slots[0]);
    let table = instance.tasks().table(table);
    let table = table.ok_or_else(|| bug!("a table has not been extracted"))?;
    let element = table.get(at).ok_or(GuestTrap::UndefinedElement)?;
    let func = FuncRefPtr::from_element(element);
    let func = func.ok_or(GuestTrap::UninitializedElement)?;
    let entrance = match instance.tasks().start_type(closure, func.type_id()) {
        Some(entrance) => entrance,
        None => check_start(store, instance, closure, func.type_id()).with_context(|| {
            format!("`thread.new-indirect` is to start the function at {at} of its table")
        })?,
    };
    let func = CoreFunc {
        func: func.function(),
        entrance,
    };
    let stack = new_stack(store, instance)?;
    let (_, index) = store.concurrency.scheduler.thread_new(|| GuestThread {
        stack,
        doing: Doing::Thread,
        next: Next::Call(func, val_raw::i64(&slots[1]) as u64),
    })?;
    slots[0] = val_raw::from_i32(index as i32);
    Ok(())
}

/// Checks that functions of a type take a closure of this type and give nothing: how they are entered.
#[cold]
fn check_start(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    closure: SlotType,
    id: TypeId,
) -> Result<Entrance> {
    let ty = store.engine().func_type(id);
    if ty.params() != [closure.val_type()] || !ty.results().is_empty() {
        return Err(GuestTrap::IndirectCallTypeMismatch.into());
    }
    let entrance = store.entrance(id)?;
    instance.tasks().set_start_type(closure, id, entrance);
    Ok(entrance)
}

//! What guests call: the built-ins of concurrency, by what the compiler has told of them.

use super::answer::{Answer, DONE};
use super::end::Owner;
use super::{copy, end, error_context, task, thread, waitable};
use crate::bug::{bail_bug, bug};
use crate::store::StoreOpaque;
use crate::vm::ComponentInstancePtr;
use anyhow::Result;
use threadline_concurrent::Trap;
use threadline_environ::component::{
    ConcurrencyBuiltin, ErrorContextOp, PlainBuiltin, Trampoline, TransferOp,
};
use threadline_environ::layout::ValRaw;
use threadline_environ::{RuntimeComponentInstanceIndex, TrampolineIndex};

/// A built-in that knows no more than its instance, with operands that it may not use. Its result is
/// an i32.
#[inline]
pub(crate) fn plain_builtin(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    owner: RuntimeComponentInstanceIndex,
    builtin: PlainBuiltin,
    operands: [u32; 2],
) -> Result<Answer> {
    let table = || instance.handle_table(owner);
    match builtin {
        PlainBuiltin::ThreadIndex
        | PlainBuiltin::ThreadResumeLater
        | PlainBuiltin::ThreadSuspend
        | PlainBuiltin::ThreadYield
        | PlainBuiltin::ThreadSuspendThenResume
        | PlainBuiltin::ThreadYieldThenResume
        | PlainBuiltin::ThreadSuspendThenPromote
        | PlainBuiltin::ThreadYieldThenPromote => {
            check_current(store, instance, owner, operands[0])?;
            return thread::thread_builtin(store, builtin, operands[0]);
        }
        PlainBuiltin::WaitableSetNew => {
            let index = waitable::set_new(store, instance, owner)?;
            return Ok(Answer::Done(index.into()));
        }
        PlainBuiltin::SubtaskCancel { async_ } => {
            return waitable::subtask_cancel(store, table()?, operands[0], async_);
        }
        PlainBuiltin::TaskCancel => task::task_cancel(store, (instance, owner))?,
        PlainBuiltin::BackpressureInc => {
            let id = store.scheduled(instance, owner);
            store.concurrency.scheduler.backpressure_inc(id)?;
        }
        PlainBuiltin::BackpressureDec => {
            let id = store.scheduled(instance, owner);
            store.concurrency.scheduler.backpressure_dec(id)?;
        }
        PlainBuiltin::SubtaskDrop => waitable::subtask_drop(store, table()?, operands[0])?,
        PlainBuiltin::WaitableSetDrop => waitable::set_drop(store, table()?, operands[0])?,
        PlainBuiltin::WaitableJoin => {
            waitable::join(store, table()?, operands[0], operands[1])?;
        }
        PlainBuiltin::ErrorContextDrop => error_context::drop(store, table()?, operands[0])?,
    }
    Ok(Answer::Done(0))
}

/// Checks that the current thread, which a built-in is about, is one of the instance that calls. A
/// function of an instance whose calls make no tasks runs on its caller's thread.
#[inline]
fn check_current(
    store: &StoreOpaque,
    instance: ComponentInstancePtr,
    owner: RuntimeComponentInstanceIndex,
    index: u32,
) -> Result<(), Trap> {
    match is_current(store, (instance, owner)) {
        true => Ok(()),
        false => Err(Trap::UnknownThread(index)),
    }
}

/// Whether the current thread, and so the current task, is one of this instance.
#[inline]
pub(super) fn is_current(store: &StoreOpaque, (instance, owner): Owner) -> bool {
    let current = store.concurrency.scheduler.current_instance().ok();
    current.is_some() && current == instance.tasks().id(owner)
}

/// A trampoline of the component that calls it.
fn trampoline<'a>(
    instance: ComponentInstancePtr,
    index: TrampolineIndex,
) -> Result<&'a Trampoline> {
    let found = instance.description().trampolines.get(index);
    Ok(found.ok_or_else(|| bug!("{index} is another component's"))?)
}

/// Any other built-in, with its operands in the slots; a result comes in the first.
#[inline(always)]
pub(crate) fn builtin(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    index: TrampolineIndex,
    slots: &mut [ValRaw],
) -> Result<Answer> {
    let Trampoline::Concurrency {
        builtin,
        instance: owner,
        ..
    } = *trampoline(instance, index)?
    else {
        bail_bug!("{index} is no built-in");
    };
    match builtin {
        ConcurrencyBuiltin::Plain(builtin) => {
            bail_bug!(
                "{} is called as a built-in that is not plain",
                builtin.name()
            );
        }
        ConcurrencyBuiltin::TaskReturn { result, options } => {
            task::task_return(store, (instance, owner), result, options, slots)?;
        }
        ConcurrencyBuiltin::WaitableSet {
            op,
            memory,
            address,
        } => {
            return waitable::set_event(store, instance, owner, op, (memory, address), slots);
        }
        ConcurrencyBuiltin::ThreadNewIndirect {
            table,
            address,
            closure,
        } => {
            if !is_current(store, (instance, owner)) {
                bail_bug!("an instance that makes threads was called without a task");
            }
            thread::new_indirect(store, instance, (table, address), closure, slots)?;
        }
        ConcurrencyBuiltin::End { op, ty } => {
            return end::end_op(store, (instance, owner), op, ty, slots);
        }
        ConcurrencyBuiltin::Copy { op, ty, options } => {
            return copy::copy(store, (instance, owner), op, ty, options, slots);
        }
        ConcurrencyBuiltin::ErrorContext { op, options } => match op {
            ErrorContextOp::New => error_context::new(store, (instance, owner), options, slots)?,
            ErrorContextOp::DebugMessage => {
                error_context::debug_message(store, (instance, owner), options, slots)?;
            }
        },
    }
    Ok(DONE)
}

/// Moves an end or an error context out of a table, or into one.
pub(crate) fn transfer(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    index: TrampolineIndex,
    operand: u32,
) -> Result<u32> {
    let Trampoline::Transfer {
        op,
        instance: owner,
        ..
    } = *trampoline(instance, index)?
    else {
        bail_bug!("{index} transfers nothing");
    };
    let owner = (instance, owner);
    match op {
        TransferOp::LiftEnd(ty) => end::lift(store, owner, ty, operand),
        TransferOp::LowerEnd(_) => end::lower(store, owner, operand),
        TransferOp::LiftErrorContext => error_context::lift(owner, operand),
        TransferOp::LowerErrorContext => error_context::lower(store, owner, operand),
    }
}

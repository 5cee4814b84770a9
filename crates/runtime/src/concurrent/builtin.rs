//! What guests call: the built-ins of concurrency, by what the compiler has told of them.

use super::{task, thread, waitable};
use crate::bug::bail_bug;
use crate::store::StoreOpaque;
use crate::vm::{ComponentInstancePtr, val_raw};
use anyhow::Result;
use threadline_concurrent::Trap;
use threadline_environ::component::{ConcurrencyBuiltin, PlainBuiltin, Trampoline, TransferOp};
use threadline_environ::layout::ValRaw;
use threadline_environ::{RuntimeComponentInstanceIndex, TrampolineIndex};

/// A built-in that knows no more than its instance, with operands that it may not use.
#[inline]
pub(crate) fn plain_builtin(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    owner: RuntimeComponentInstanceIndex,
    builtin: PlainBuiltin,
    operands: [u32; 2],
) -> Result<u32> {
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
        PlainBuiltin::WaitableSetNew => return waitable::set_new(store, instance, owner),
        PlainBuiltin::SubtaskCancel { async_ } => {
            return waitable::subtask_cancel(store, table(), operands[0], async_);
        }
        PlainBuiltin::TaskCancel => task::task_cancel(store)?,
        PlainBuiltin::BackpressureInc => {
            let id = store.scheduled(instance, owner);
            store.concurrency.scheduler.backpressure_inc(id)?;
        }
        PlainBuiltin::BackpressureDec => {
            let id = store.scheduled(instance, owner);
            store.concurrency.scheduler.backpressure_dec(id)?;
        }
        PlainBuiltin::SubtaskDrop => waitable::subtask_drop(store, table(), operands[0])?,
        PlainBuiltin::WaitableSetDrop => waitable::set_drop(store, table(), operands[0])?,
        PlainBuiltin::WaitableJoin => {
            waitable::join(store, table(), operands[0], operands[1])?;
        }
        PlainBuiltin::ErrorContextDrop => bail_bug!("error contexts are not driven"),
    }
    Ok(0)
}

/// The current thread is one of the instance whose built-in is called. One that has no threads may
/// be called on another's.
#[inline]
fn check_current(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    owner: RuntimeComponentInstanceIndex,
    index: u32,
) -> Result<(), Trap> {
    let current = store.concurrency.scheduler.current_instance().ok();
    match current.is_some() && current == instance.tasks().id(owner) {
        true => Ok(()),
        false => Err(Trap::UnknownThread(index)),
    }
}

/// How many operands a built-in has.
pub(crate) fn operands(instance: ComponentInstancePtr, index: TrampolineIndex) -> usize {
    let description = instance.description();
    let signature = description.trampolines[index].signature();
    let engine = instance.component().engine();
    let ty = engine.func_type(instance.component().type_id(signature));
    ty.params().len()
}

/// Any other built-in, with its operands in the slots; a result comes in the first.
pub(crate) fn builtin(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    index: TrampolineIndex,
    slots: &mut [ValRaw],
) -> Result<()> {
    let Trampoline::Concurrency {
        builtin,
        instance: owner,
        ..
    } = instance.description().trampolines[index]
    else {
        bail_bug!("{index} is no built-in");
    };
    match builtin {
        ConcurrencyBuiltin::Plain(builtin) => {
            let operands = [0, 1].map(|i| slots.get(i).map_or(0, |slot| val_raw::i32(slot) as u32));
            let result = plain_builtin(store, instance, owner, builtin, operands)?;
            slots[0] = val_raw::from_i32(result as i32);
        }
        ConcurrencyBuiltin::TaskReturn { result, options } => {
            task::task_return(store, instance, result, options, slots)?;
        }
        ConcurrencyBuiltin::WaitableSet {
            op,
            memory,
            address,
        } => waitable::set_event(store, instance, owner, op, (memory, address), slots)?,
        ConcurrencyBuiltin::ThreadNewIndirect {
            table,
            address,
            closure,
        } => thread::new_indirect(store, instance, (table, address), closure, slots)?,
        ConcurrencyBuiltin::End { .. }
        | ConcurrencyBuiltin::Copy { .. }
        | ConcurrencyBuiltin::ErrorContext { .. } => {
            bail_bug!("streams, futures and error contexts are not driven")
        }
    }
    Ok(())
}

/// Moves an end or an error context out of a table, or into one.
pub(crate) fn transfer(
    _store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    index: TrampolineIndex,
    _operand: u32,
) -> Result<u32> {
    let Trampoline::Transfer { op, .. } = instance.description().trampolines[index] else {
        bail_bug!("{index} transfers nothing");
    };
    match op {
        TransferOp::LiftEnd(_)
        | TransferOp::LowerEnd(_)
        | TransferOp::LiftErrorContext
        | TransferOp::LowerErrorContext => {
            bail_bug!("{} is not driven", op.name())
        }
    }
}

//! The component model's concurrency: its built-ins, calls that make tasks, and what adapters move
//! from table to table.
//!
//! The host does all of it. Here `may_leave` is checked, so that what the host does begins where
//! `definitions.py` goes on after that, and operands are brought to the host: in registers for the
//! plain built-ins, as switches between threads are among them; in an array for others.

use super::Emitter;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use threadline_environ::component::{Component, ConcurrencyBuiltin, PlainBuiltin};
use threadline_environ::{
    BuiltinIndex, FuncType, RuntimeComponentInstanceIndex, TaskAdapterIndex, TrampolineIndex,
};

/// A built-in, whose it is, and its trampoline.
pub(super) type On<'a> = (
    &'a ConcurrencyBuiltin,
    RuntimeComponentInstanceIndex,
    TrampolineIndex,
);

/// Defines a `Trampoline::Concurrency`.
pub(super) fn concurrency(
    (mut emitter, params): (Emitter<'_>, Vec<Value>),
    component: &Component,
    (builtin, instance, index): On<'_>,
    ty: &FuncType,
) {
    let (vmctx, operands) = (params[0], &params[1..]);
    if builtin.checks_may_leave() {
        emitter.check_may_leave(vmctx, component, instance);
    }
    emitter.record_exit(vmctx);
    let results = match *builtin {
        ConcurrencyBuiltin::Plain(plain) => {
            let value = call_plain(&mut emitter, vmctx, (plain, instance), operands);
            let results = ty.results().iter();
            results
                .map(|_| emitter.builder.ins().ireduce(types::I32, value))
                .collect()
        }
        ConcurrencyBuiltin::TaskReturn { .. }
        | ConcurrencyBuiltin::WaitableSet { .. }
        | ConcurrencyBuiltin::End { .. }
        | ConcurrencyBuiltin::Copy { .. }
        | ConcurrencyBuiltin::ErrorContext { .. }
        | ConcurrencyBuiltin::ThreadNewIndirect { .. } => {
            let callee = (BuiltinIndex::Concurrency, index.as_u32());
            call_with_array(&mut emitter, vmctx, callee, operands, ty)
        }
    };
    emitter.builder.ins().return_(&results);
    emitter.finish();
}

/// Defines a `Trampoline::TaskCall` (`canon_lower` in `definitions.py`).
pub(super) fn task_call(
    (mut emitter, params): (Emitter<'_>, Vec<Value>),
    component: &Component,
    adapter: TaskAdapterIndex,
    ty: &FuncType,
) {
    let vmctx = params[0];
    let caller = component.options[component.task_adapters[adapter].lower].instance;
    emitter.check_may_leave(vmctx, component, caller);
    emitter.record_exit(vmctx);
    let callee = (BuiltinIndex::TaskCall, adapter.as_u32());
    let results = call_with_array(&mut emitter, vmctx, callee, &params[1..], ty);
    emitter.builder.ins().return_(&results);
    emitter.finish();
}

/// Defines a `Trampoline::Transfer`.
pub(super) fn transfer((mut emitter, params): (Emitter<'_>, Vec<Value>), index: TrampolineIndex) {
    let index = emitter.i32(index.as_u32());
    let args = [index, params[1]];
    let result = emitter.call_builtin_for_i32(params[0], BuiltinIndex::Transfer, &args);
    emitter.builder.ins().return_(&[result]);
    emitter.finish();
}

/// Has the host do what a plain built-in does, all of whose operands are i32s; its result, as an
/// i64.
fn call_plain(
    emitter: &mut Emitter<'_>,
    vmctx: Value,
    (builtin, instance): (PlainBuiltin, RuntimeComponentInstanceIndex),
    operands: &[Value],
) -> Value {
    let mut args = vec![emitter.i32(builtin.code()), emitter.i32(instance.as_u32())];
    args.extend(operands);
    let callee = BuiltinIndex::PlainConcurrency;
    args.resize_with(callee.params().len(), || emitter.i32(0));
    emitter
        .call_builtin_in_host(vmctx, callee, &args)
        .expect("this builtin returns a value")
}

/// Calls a builtin that is told what to do by a number and operands in an array, where the
/// results are afterwards.
fn call_with_array(
    emitter: &mut Emitter<'_>,
    vmctx: Value,
    (builtin, number): (BuiltinIndex, u32),
    operands: &[Value],
    ty: &FuncType,
) -> Vec<Value> {
    let array = emitter.spill(operands, ty.results().len());
    let number = emitter.i32(number);
    emitter.call_builtin_in_host(vmctx, builtin, &[number, array]);
    emitter.load_values(ty.results(), array)
}

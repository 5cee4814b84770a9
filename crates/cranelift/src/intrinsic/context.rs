//! `context.get` and `context.set`: the compiled half.
//!
//! The slots of the thread that runs in a component are in the block of the component's contexts,
//! and the header of each context has their address. Which thread that is, is not this module's
//! concern: whoever switches threads swaps the slots.
//!
//! An i32 access touches the low half of its slot alone, in one instruction. The upper half is
//! nevertheless zero wherever someone could look: a thread's slots start at zero, and all
//! accesses of a component have one type (validation sees to that), so a slot of i32s is never
//! written to in full.

use crate::func_name::Callees;
use crate::signature::{builtin_signature, wasm_signature};
use crate::vm_access::{self, context_slot, header};
use cranelift_codegen::cursor::FuncCursor;
use cranelift_codegen::ir::{Function, InstBuilder, UserFuncName, Value, types};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use threadline_environ::artifact::FuncKey;
use threadline_environ::{BuiltinIndex, ContextLowering, SlotType, UnsafeIntrinsic};

/// Where an intrinsic is emitted.
pub(crate) struct Site<'a> {
    /// How.
    pub(crate) lowering: ContextLowering,
    /// The context that the surrounding function has; any kind of context will do.
    pub(crate) context: Value,
    /// What the surrounding function calls.
    pub(crate) callees: &'a mut Callees,
    /// How far the slots are from that context, if that is known.
    pub(crate) distance: Option<i32>,
}

/// Emits an intrinsic in place of a call with these arguments, and returns its result.
pub(crate) fn emit(
    pos: &mut FuncCursor<'_>,
    site: &mut Site<'_>,
    intrinsic: UnsafeIntrinsic,
    args: &[Value],
) -> Option<Value> {
    match (site.lowering, site.distance) {
        (ContextLowering::Pinned, Some(distance)) => {
            access(pos, site.context, distance, intrinsic, args)
        }
        (ContextLowering::Pinned, None) | (ContextLowering::Inline, _) => {
            access_by_header(pos, site.context, intrinsic, args)
        }
        (ContextLowering::OutOfLine, _) => call_out_of_line(pos, site, intrinsic, args),
        (ContextLowering::Libcall, _) => call_builtin(pos, site, intrinsic, args),
    }
}

/// Defines the out-of-line function of an intrinsic: `(context, params…) -> results…`.
///
/// `func` must be empty.
pub(crate) fn define_intrinsic(
    func: &mut Function,
    builder_context: &mut FunctionBuilderContext,
    frontend_config: TargetFrontendConfig,
    intrinsic: UnsafeIntrinsic,
) {
    func.signature = wasm_signature(&intrinsic.signature());
    func.name = UserFuncName::User(crate::func_name::user_name(FuncKey::Intrinsic(intrinsic)));
    let mut builder = FunctionBuilder::new(func, builder_context);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    builder.seal_block(entry);
    builder.ensure_inserted_block();
    let params = builder.block_params(entry).to_vec();
    let mut pos = builder.cursor();
    let result = access_by_header(&mut pos, params[0], intrinsic, &params[1..]);
    builder.ins().return_(result.as_slice());
    builder.finalize(frontend_config);
}

/// The access, through the address that a context's header has.
fn access_by_header(
    pos: &mut FuncCursor<'_>,
    context: Value,
    intrinsic: UnsafeIntrinsic,
    args: &[Value],
) -> Option<Value> {
    let slots = vm_access::load(pos, header::context(), context);
    access(pos, slots, 0, intrinsic, args)
}

/// The load or store, where the slots are `distance` from `base`.
fn access(
    pos: &mut FuncCursor<'_>,
    base: Value,
    distance: i32,
    intrinsic: UnsafeIntrinsic,
    args: &[Value],
) -> Option<Value> {
    let slot = context_slot(intrinsic, distance);
    match intrinsic {
        UnsafeIntrinsic::ContextGet { .. } => Some(vm_access::load(pos, slot, base)),
        UnsafeIntrinsic::ContextSet { .. } => {
            vm_access::store(pos, slot, args[0], base);
            None
        }
    }
}

fn call_out_of_line(
    pos: &mut FuncCursor<'_>,
    site: &mut Site<'_>,
    intrinsic: UnsafeIntrinsic,
    args: &[Value],
) -> Option<Value> {
    let key = FuncKey::Intrinsic(intrinsic);
    let callee = site
        .callees
        .get(pos.func, key, || wasm_signature(&intrinsic.signature()));
    let mut all = vec![site.context];
    all.extend_from_slice(args);
    let call = pos.ins().call(callee, &all);
    pos.func.dfg.inst_results(call).first().copied()
}

/// The builtins deal in whole slots.
fn call_builtin(
    pos: &mut FuncCursor<'_>,
    site: &mut Site<'_>,
    intrinsic: UnsafeIntrinsic,
    args: &[Value],
) -> Option<Value> {
    match intrinsic {
        UnsafeIntrinsic::ContextGet { ty, slot } => {
            let slot = pos.ins().iconst(types::I32, i64::from(slot));
            let builtin = BuiltinIndex::ContextGet;
            let callee = builtin_callee(pos, site, builtin);
            let call = pos.ins().call(callee, &[site.context, slot]);
            let value = pos.func.dfg.inst_results(call)[0];
            Some(match ty {
                SlotType::I32 => pos.ins().ireduce(types::I32, value),
                SlotType::I64 => value,
            })
        }
        UnsafeIntrinsic::ContextSet { ty, slot } => {
            let slot = pos.ins().iconst(types::I32, i64::from(slot));
            let value = match ty {
                SlotType::I32 => pos.ins().uextend(types::I64, args[0]),
                SlotType::I64 => args[0],
            };
            let callee = builtin_callee(pos, site, BuiltinIndex::ContextSet);
            pos.ins().call(callee, &[site.context, slot, value]);
            None
        }
    }
}

fn builtin_callee(
    pos: &mut FuncCursor<'_>,
    site: &mut Site<'_>,
    builtin: BuiltinIndex,
) -> cranelift_codegen::ir::FuncRef {
    let key = FuncKey::Builtin(builtin);
    let signature = || builtin_signature(builtin);
    site.callees.get(pos.func, key, signature)
}

//! `FuncKey::HostToWasm`: from the host into wasm, one per function type.
//!
//! ```text
//! entry:    record.handler_{pc,sp,fp} = where a trap comes back to
//!           try_call code(vmctx, params…)
//! returned: results over the array; return 1
//! trapped:  return 0
//! ```
//! The raise builtin and the signal handler arrive at `trapped` with the stack and frame pointer
//! of this very frame and every other register undefined; Cranelift keeps what that block needs
//! on the stack, since the exceptional edge of a `try_call` clobbers all registers.

use super::{Emitter, host_to_wasm_signature};
use crate::signature::{self, POINTER};
use cranelift_codegen::ir::{
    self, BlockArg, BlockCall, ExceptionTableData, ExceptionTableItem, InstBuilder, Value, types,
};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::FunctionBuilderContext;
use std::mem::offset_of;
use threadline_environ::FuncType;
use threadline_environ::layout::VMEntryRecord;

/// Defines the entry from the host for functions of type `ty`.
pub(crate) fn define_host_to_wasm(
    isa: &dyn TargetIsa,
    ty: &FuncType,
    func: &mut ir::Function,
    context: &mut FunctionBuilderContext,
) {
    let (mut emitter, params) = Emitter::new(isa, host_to_wasm_signature(isa), func, context);
    let [vmctx, code, array, record] = params[..] else {
        unreachable!("host_to_wasm_signature has four parameters")
    };
    let mut args = vec![vmctx];
    args.extend(emitter.load_values(ty.params(), array));

    // The block of a `try_call` is named by the landing pad's address, and must not be the entry.
    let call = emitter.builder.create_block();
    let returned = emitter.builder.create_block();
    let trapped = emitter.builder.create_block();
    emitter.builder.set_cold_block(trapped);
    emitter.builder.ins().jump(call, &[]);
    emitter.builder.switch_to_block(call);
    record_landing_pad(&mut emitter, call, record);
    try_call(&mut emitter, ty, code, &args, returned, trapped);

    emitter.builder.switch_to_block(returned);
    let results = emitter.builder.block_params(returned).to_vec();
    emitter.store_values(&results, array);
    leave(&mut emitter, true);
    emitter.builder.switch_to_block(trapped);
    leave(&mut emitter, false);
    emitter.finish();
}

fn record_landing_pad(emitter: &mut Emitter<'_>, call: ir::Block, record: Value) {
    let ins = emitter.builder.ins();
    let pc = ins.get_exception_handler_address(POINTER, call, 0);
    let sp = emitter.builder.ins().get_stack_pointer(POINTER);
    let fp = emitter.builder.ins().get_frame_pointer(POINTER);
    emitter.store(pc, record, offset_of!(VMEntryRecord, handler_pc));
    emitter.store(sp, record, offset_of!(VMEntryRecord, handler_sp));
    emitter.store(fp, record, offset_of!(VMEntryRecord, handler_fp));
}

fn try_call(
    emitter: &mut Emitter<'_>,
    ty: &FuncType,
    code: Value,
    args: &[Value],
    returned: ir::Block,
    trapped: ir::Block,
) {
    let builder = &mut emitter.builder;
    for &result in ty.results() {
        builder.append_block_param(returned, signature::value_type(result));
    }
    let signature = builder.import_signature(signature::wasm_signature(ty));
    let results = (0..ty.results().len() as u32).map(BlockArg::TryCallRet);
    let pool = &mut builder.func.dfg.value_lists;
    let normal = BlockCall::new(returned, results, pool);
    let exceptional = BlockCall::new(trapped, [], pool);
    let table = builder
        .func
        .dfg
        .exception_tables
        .push(ExceptionTableData::new(
            signature,
            normal,
            [ExceptionTableItem::Default(exceptional)],
        ));
    builder.ins().try_call_indirect(code, args, table);
}

fn leave(emitter: &mut Emitter<'_>, success: bool) {
    let success = emitter.builder.ins().iconst(types::I8, i64::from(success));
    emitter.builder.ins().return_(&[success]);
}

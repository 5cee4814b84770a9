//! `FuncKey::WasmToHost`: from wasm to a host function, one per function type.

use super::Emitter;
use crate::signature::{self, POINTER};
use cranelift_codegen::ir::{self, InstBuilder};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::FunctionBuilderContext;
use std::mem::offset_of;
use threadline_environ::FuncType;
use threadline_environ::layout::VMHostFuncContext;

/// Defines the way to host functions of type `ty`; the context is a `VMHostFuncContext`.
pub(crate) fn define_wasm_to_host(
    isa: &dyn TargetIsa,
    ty: &FuncType,
    func: &mut ir::Function,
    context: &mut FunctionBuilderContext,
) {
    let (mut emitter, params) = Emitter::new(isa, signature::wasm_signature(ty), func, context);
    let host = params[0];
    emitter.record_exit(host);
    let array = emitter.spill(&params[1..], ty.results().len());
    let code = emitter.load(POINTER, host, offset_of!(VMHostFuncContext, call));
    emitter.call_host(host, code, &[host, array]);
    let results = emitter.load_values(ty.results(), array);
    emitter.builder.ins().return_(&results);
    emitter.finish();
}

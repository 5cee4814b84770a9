//! `FuncKey::Builtin`: from wasm to a function of the builtins' table.

use super::{Emitter, builtin_host_signature};
use crate::signature;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::FunctionBuilderContext;
use threadline_environ::{BUILTIN_FAILED, BuiltinIndex, BuiltinResult};

/// Defines the way to a builtin; any context will do. Wasm sees no success flag: failure raises.
pub(crate) fn define_builtin(
    isa: &dyn TargetIsa,
    builtin: BuiltinIndex,
    func: &mut ir::Function,
    context: &mut FunctionBuilderContext,
) {
    let wasm = signature::builtin_signature(builtin);
    let (mut emitter, params) = Emitter::new(isa, wasm, func, context);
    let vmctx = params[0];
    emitter.record_exit(vmctx);
    let code = emitter.builtin_address(vmctx, builtin);
    let host = builtin_host_signature(isa, builtin);
    let host = emitter.builder.import_signature(host);
    let call = emitter.builder.ins().call_indirect(host, code, &params);
    let results = emitter.builder.inst_results(call).to_vec();
    match builtin.result() {
        BuiltinResult::Success => {
            emitter.raise_unless(results[0], vmctx);
            emitter.builder.ins().return_(&[]);
        }
        BuiltinResult::ValueOrFailure => {
            let failed = emitter.builder.ins().iconst(ir::types::I64, BUILTIN_FAILED);
            let ins = emitter.builder.ins();
            let succeeded = ins.icmp(IntCC::NotEqual, results[0], failed);
            emitter.raise_unless(succeeded, vmctx);
            emitter.builder.ins().return_(&results);
        }
        BuiltinResult::Infallible | BuiltinResult::Never | BuiltinResult::Value(_) => {
            emitter.builder.ins().return_(&results);
        }
    }
    emitter.finish();
}

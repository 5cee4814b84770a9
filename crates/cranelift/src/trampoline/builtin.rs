//! `FuncKey::Builtin`: from wasm to a function of the builtins' table.

use super::Emitter;
use crate::signature;
use cranelift_codegen::ir::{self, InstBuilder};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::FunctionBuilderContext;
use threadline_environ::BuiltinIndex;

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
    let result = emitter.call_builtin_in_host(vmctx, builtin, &params[1..]);
    emitter.builder.ins().return_(result.as_slice());
    emitter.finish();
}

//! Functions that no wasm was translated to: the ways between host and wasm, and a component's
//! own. Intrinsics as functions of their own are in `crate::intrinsic`.
//!
//! Frame pointers are kept everywhere, and whoever leaves wasm for the host first stores its own
//! frame pointer and return address in `VMStoreContext::exit_fp` and `exit_pc`, so that a
//! backtrace can start at the wasm frame that called it.

mod builtin;
mod component;
mod concurrency;
mod host_to_wasm;
mod resource;
#[cfg(test)]
mod tests;
mod transcode;
mod wasm_to_host;

pub(crate) use builtin::define_builtin;
pub(crate) use component::define_trampoline;
pub(crate) use host_to_wasm::define_host_to_wasm;
pub(crate) use wasm_to_host::define_wasm_to_host;

use crate::func_name::Callees;
use crate::signature::{self, POINTER};
use crate::vm_access::{self, header, store_context};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    self, AbiParam, InstBuilder, MemFlagsData, Signature, Type, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use threadline_environ::artifact::FuncKey;
use threadline_environ::component::Component;
use threadline_environ::layout::{FLAG_MAY_LEAVE, ValRaw};
use threadline_environ::{
    BUILTIN_FAILED, BuiltinIndex, BuiltinResult, RuntimeComponentInstanceIndex, TrapCode, ValType,
};

/// Writes one trampoline. Accesses to records and arrays carry no alias regions: every one of them
/// is next to a call.
struct Emitter<'a> {
    isa: &'a dyn TargetIsa,
    builder: FunctionBuilder<'a>,
}

impl<'a> Emitter<'a> {
    /// Starts a function and returns it with its parameters.
    fn new(
        isa: &'a dyn TargetIsa,
        signature: Signature,
        func: &'a mut ir::Function,
        context: &'a mut FunctionBuilderContext,
    ) -> (Emitter<'a>, Vec<Value>) {
        func.signature = signature;
        let mut builder = FunctionBuilder::new(func, context);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        let params = builder.block_params(entry).to_vec();
        (Emitter { isa, builder }, params)
    }

    fn finish(mut self) {
        self.builder.seal_all_blocks();
        self.builder.finalize(self.isa.frontend_config());
    }

    fn load(&mut self, ty: Type, base: Value, offset: usize) -> Value {
        let flags = MemFlagsData::trusted();
        self.builder.ins().load(ty, flags, base, offset as i32)
    }

    fn store(&mut self, value: Value, base: Value, offset: usize) {
        let flags = MemFlagsData::trusted();
        self.builder.ins().store(flags, value, base, offset as i32);
    }

    /// The store behind any context.
    fn store_context(&mut self, context: Value) -> Value {
        vm_access::load(&mut self.builder.cursor(), header::store_context(), context)
    }

    /// Takes note of where wasm is left.
    fn record_exit(&mut self, context: Value) {
        let store = self.store_context(context);
        let fp = self.builder.ins().get_frame_pointer(POINTER);
        let pc = self.builder.ins().get_return_address(POINTER);
        let pos = &mut self.builder.cursor();
        vm_access::store(pos, store_context::exit_fp(), fp, store);
        vm_access::store(pos, store_context::exit_pc(), pc, store);
    }

    /// Goes to the innermost entry's landing pad unless `success`.
    fn raise_unless(&mut self, success: Value, context: Value) {
        let failed = self.builder.create_block();
        let done = self.builder.create_block();
        self.builder.set_cold_block(failed);
        self.builder.ins().brif(success, done, &[], failed, &[]);
        self.builder.switch_to_block(failed);
        let raise = self.builtin_address(context, BuiltinIndex::Raise);
        let signature = builtin_host_signature(self.isa, BuiltinIndex::Raise);
        let signature = self.builder.import_signature(signature);
        self.builder
            .ins()
            .call_indirect(signature, raise, &[context]);
        let code = crate::trap::to_cranelift(TrapCode::Unreachable);
        self.builder.ins().trap(code);
        self.builder.switch_to_block(done);
    }

    fn i32(&mut self, value: u32) -> Value {
        self.builder.ins().iconst(types::I32, i64::from(value))
    }

    fn trap_unless(&mut self, condition: Value, code: TrapCode) {
        let code = crate::trap::to_cranelift(code);
        self.builder.ins().trapz(condition, code);
    }

    /// Traps if a component instance may not be left.
    fn check_may_leave(
        &mut self,
        vmctx: Value,
        component: &Component,
        instance: RuntimeComponentInstanceIndex,
    ) {
        let flags = component.layout.flags(instance) as usize;
        let flags = self.load(types::I32, vmctx, flags);
        let ins = self.builder.ins();
        let may_leave = ins.band_imm_u(flags, i64::from(FLAG_MAY_LEAVE));
        self.trap_unless(may_leave, TrapCode::CannotLeaveComponent);
    }

    /// Calls a builtin by its function, which raises if it fails: what calls it stays small.
    fn call_builtin(&mut self, vmctx: Value, builtin: BuiltinIndex, args: &[Value]) -> Vec<Value> {
        let key = FuncKey::Builtin(builtin);
        let signature = || signature::builtin_signature(builtin);
        let callee = Callees::default().get(self.builder.func, key, signature);
        let args = [&[vmctx], args].concat();
        let call = self.builder.ins().call(callee, &args);
        self.builder.inst_results(call).to_vec()
    }

    /// Calls a builtin that gives 32 bits or fails.
    fn call_builtin_for_i32(
        &mut self,
        vmctx: Value,
        builtin: BuiltinIndex,
        args: &[Value],
    ) -> Value {
        let value = self.call_builtin(vmctx, builtin, args)[0];
        self.builder.ins().ireduce(types::I32, value)
    }

    /// Calls the host function behind a builtin, and raises if it failed; its value, if it has
    /// one. The exit has been recorded, unless it is one that needs none.
    fn call_builtin_in_host(
        &mut self,
        context: Value,
        builtin: BuiltinIndex,
        args: &[Value],
    ) -> Option<Value> {
        let code = self.builtin_address(context, builtin);
        let signature = builtin_host_signature(self.isa, builtin);
        let signature = self.builder.import_signature(signature);
        let args = [&[context], args].concat();
        let call = self.builder.ins().call_indirect(signature, code, &args);
        let results = self.builder.inst_results(call).to_vec();
        match builtin.result() {
            BuiltinResult::Infallible | BuiltinResult::Never => None,
            BuiltinResult::Value(_) => Some(results[0]),
            BuiltinResult::ValueOrFailure => {
                let failed = self.builder.ins().iconst(types::I64, BUILTIN_FAILED);
                let ins = self.builder.ins();
                let succeeded = ins.icmp(IntCC::NotEqual, results[0], failed);
                self.raise_unless(succeeded, context);
                Some(results[0])
            }
            BuiltinResult::Success => {
                self.raise_unless(results[0], context);
                None
            }
        }
    }

    /// The host function behind a builtin.
    fn builtin_address(&mut self, context: Value, builtin: BuiltinIndex) -> Value {
        let pos = &mut self.builder.cursor();
        let table = vm_access::load(pos, header::builtins(), context);
        vm_access::load(pos, header::builtin(builtin), table)
    }

    /// Calls a host function of the system's convention that returns success, and raises if it
    /// failed.
    fn call_host(&mut self, context: Value, code: Value, args: &[Value]) {
        let types: Vec<Type> = args
            .iter()
            .map(|&arg| self.builder.func.dfg.value_type(arg))
            .collect();
        let signature = host_call_signature(self.isa, &types);
        let signature = self.builder.import_signature(signature);
        let call = self.builder.ins().call_indirect(signature, code, args);
        let success = self.builder.inst_results(call)[0];
        self.raise_unless(success, context);
    }

    /// An array on the stack with `values` in its first slots and room for `results` in all.
    fn spill(&mut self, values: &[Value], results: usize) -> Value {
        let slots = values.len().max(results).max(1);
        let slot = self.builder.create_sized_stack_slot(ir::StackSlotData::new(
            ir::StackSlotKind::ExplicitSlot,
            (slots * size_of::<ValRaw>()) as u32,
            4,
        ));
        let array = self.builder.ins().stack_addr(POINTER, slot, 0);
        self.store_values(values, array);
        array
    }

    fn store_values(&mut self, values: &[Value], array: Value) {
        for (i, &value) in values.iter().enumerate() {
            self.store(value, array, i * size_of::<ValRaw>());
        }
    }

    fn load_values(&mut self, types: &[ValType], array: Value) -> Vec<Value> {
        types
            .iter()
            .enumerate()
            .map(|(i, &ty)| self.load(signature::value_type(ty), array, i * size_of::<ValRaw>()))
            .collect()
    }
}

/// How the host enters wasm: `(vmctx, code, *mut ValRaw, *mut VMEntryRecord) -> bool`.
fn host_to_wasm_signature(isa: &dyn TargetIsa) -> Signature {
    host_call_signature(isa, &[POINTER; 4])
}

/// How compiled code calls a host function with these parameters, which returns success.
fn host_call_signature(isa: &dyn TargetIsa, params: &[Type]) -> Signature {
    let mut signature = Signature::new(system_call_conv(isa));
    signature.params = params.iter().map(|&ty| AbiParam::new(ty)).collect();
    signature.returns.push(AbiParam::new(types::I8));
    signature
}

/// How a builtin's trampoline calls the host.
fn builtin_host_signature(isa: &dyn TargetIsa, builtin: BuiltinIndex) -> Signature {
    let mut signature = Signature::new(system_call_conv(isa));
    signature.params.push(AbiParam::new(POINTER));
    let params = builtin.params().iter();
    signature
        .params
        .extend(params.map(|&ty| AbiParam::new(signature::builtin_type(ty))));
    match builtin.result() {
        BuiltinResult::Infallible | BuiltinResult::Never => {}
        BuiltinResult::Value(ty) => {
            let ty = signature::builtin_type(ty);
            signature.returns.push(AbiParam::new(ty));
        }
        BuiltinResult::ValueOrFailure => signature.returns.push(AbiParam::new(types::I64)),
        BuiltinResult::Success => signature.returns.push(AbiParam::new(types::I8)),
    }
    signature
}

fn system_call_conv(isa: &dyn TargetIsa) -> CallConv {
    CallConv::triple_default(isa.triple())
}

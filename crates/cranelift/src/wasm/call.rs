//! `call` and `call_indirect`.
//!
//! A callee's first argument is its own instance's context. Calls within a module pass on the
//! caller's; an import comes with its context. Where the compiler knows what an import is, the
//! call is direct, or there is no call at all (`crate::intrinsic`). What a call in a `try_table`
//! is, is in `wasm/exception.rs`.

use super::function::FuncTranslator;
use crate::intrinsic;
use crate::signature::{builtin_signature, wasm_signature};
use crate::trap;
use crate::vm_access;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value};
use threadline_environ::artifact::FuncKey;
use threadline_environ::module::KnownImport;
use threadline_environ::{
    BuiltinIndex, FuncIndex, Result, SignatureIndex, TableIndex, TrapCode, TypeIndex,
    UnsafeIntrinsic,
};
use wasmparser::Operator;

impl FuncTranslator<'_, '_> {
    pub(super) fn call_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        match *operator {
            Operator::Call { function_index } => self.call(FuncIndex::from_u32(function_index))?,
            Operator::CallIndirect {
                type_index,
                table_index,
            } => self.call_indirect(type_index, TableIndex::from_u32(table_index))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn call(&mut self, func: FuncIndex) -> Result<()> {
        if let Some(defined) = self.env.module().defined_func_index(func) {
            let key = FuncKey::Wasm(self.env.module_index, defined);
            return self.call_direct(key, func, self.vmctx);
        }
        match self.env.known_import(func) {
            Some(KnownImport::Intrinsic(intrinsic)) => {
                self.call_intrinsic(intrinsic);
                Ok(())
            }
            Some(KnownImport::Wasm(module, defined)) => {
                let vmctx = self.import_vmctx(func);
                self.call_direct(FuncKey::Wasm(module, defined), func, vmctx)
            }
            Some(KnownImport::Trampoline(trampoline)) => {
                let vmctx = self.import_vmctx(func);
                self.call_direct(FuncKey::Trampoline(trampoline), func, vmctx)
            }
            None => self.call_import(func),
        }
    }

    fn import_vmctx(&mut self, func: FuncIndex) -> Value {
        let place = vm_access::function_import_vmctx(self.env.layout, func);
        vm_access::load(&mut self.builder.cursor(), place, self.vmctx)
    }

    fn call_direct(&mut self, key: FuncKey, func: FuncIndex, vmctx: Value) -> Result<()> {
        let signature = self.env.module().functions[func].signature;
        let ty = self.env.func_type(signature);
        let callee = self
            .callees
            .get(self.builder.func, key, || wasm_signature(ty));
        let args = self.call_args(signature, vmctx)?;
        let results = self.emit_call(callee, &args)?;
        self.finish_call(signature, &results);
        Ok(())
    }

    fn call_import(&mut self, func: FuncIndex) -> Result<()> {
        let signature = self.env.module().functions[func].signature;
        let vmctx = self.import_vmctx(func);
        let place = vm_access::function_import_code(self.env.layout, func);
        let code = vm_access::load(&mut self.builder.cursor(), place, self.vmctx);
        self.call_code(signature, code, vmctx)
    }

    fn call_code(&mut self, signature: SignatureIndex, code: Value, vmctx: Value) -> Result<()> {
        let args = self.call_args(signature, vmctx)?;
        let clif_signature = self.indirect_signature(signature);
        let results = self.emit_call_indirect(clif_signature, code, &args)?;
        self.finish_call(signature, &results);
        Ok(())
    }

    fn call_intrinsic(&mut self, intrinsic: UnsafeIntrinsic) {
        let params = intrinsic.signature().params().len();
        let args = self.peek_passable(params);
        self.truncate(self.stack.len() - params);
        let mut site = intrinsic::Site {
            lowering: self.env.tunables.context_lowering,
            context: self.vmctx,
            callees: &mut self.callees,
            distance: self.env.module_translation().context_distance,
        };
        let result = intrinsic::emit(&mut self.builder.cursor(), &mut site, intrinsic, &args);
        self.stack.extend(result);
    }

    /// Traps in the order the specification gives: index, null, type.
    fn call_indirect(&mut self, type_index: u32, table: TableIndex) -> Result<()> {
        let index = self.pop();
        let element = self.table_element(table, index, TrapCode::UndefinedElement);
        let func_ref = self.load_element(element);
        self.check_type(func_ref, TypeIndex::from_u32(type_index));
        let mut pos = self.builder.cursor();
        let code = vm_access::load(&mut pos, vm_access::func_ref::code(), func_ref);
        let vmctx = vm_access::load(&mut pos, vm_access::func_ref::vmctx(), func_ref);
        self.call_code(self.env.type_signature(type_index), code, vmctx)
    }

    fn check_type(&mut self, func_ref: Value, expected: TypeIndex) {
        let expected = vm_access::type_id(self.env.layout, expected);
        let mut pos = self.builder.cursor();
        let actual = vm_access::func_ref::load_type_id_or_trap(&mut pos, func_ref);
        let expected = vm_access::load(&mut pos, expected, self.vmctx);
        let differs = pos.ins().icmp(IntCC::NotEqual, actual, expected);
        let code = trap::to_cranelift(TrapCode::IndirectCallTypeMismatch);
        pos.ins().trapnz(differs, code);
    }

    fn call_args(&mut self, signature: SignatureIndex, vmctx: Value) -> Result<Vec<Value>> {
        let ty = self.env.func_type(signature);
        self.pass_values(ty.params().len() + ty.results().len())?;
        let mut args = vec![vmctx];
        args.extend(self.peek_passable(ty.params().len()));
        Ok(args)
    }

    /// Replaces arguments by results on the operand stack.
    fn finish_call(&mut self, signature: SignatureIndex, results: &[Value]) {
        let params = self.env.func_type(signature).params().len();
        self.truncate(self.stack.len() - params);
        self.stack.extend_from_slice(results);
    }

    /// Calls a host builtin with this instance as its context. A failure in it does not return,
    /// and is no exception.
    pub(super) fn call_builtin(&mut self, builtin: BuiltinIndex, args: &[Value]) -> Vec<Value> {
        let key = FuncKey::Builtin(builtin);
        let signature = || builtin_signature(builtin);
        let callee = self.callees.get(self.builder.func, key, signature);
        let mut all = vec![self.vmctx];
        all.extend_from_slice(args);
        let call = self.builder.ins().call(callee, &all);
        self.builder.inst_results(call).to_vec()
    }
}

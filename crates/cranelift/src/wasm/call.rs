//! `call`, `call_indirect`, `call_ref`, and their kin that return.
//!
//! A callee's first argument is its own instance's context. Calls within a module pass on the
//! caller's; an import comes with its context. Where the compiler knows what an import is, the
//! call is direct, or there is no call at all (`crate::intrinsic`, `wasm/inline.rs`).
//!
//! Whatever wasm calls has the convention `tail`, in which the callee frees the stack that its
//! arguments take. So every call can be a tail call, to whatever instance. What an exception that
//! comes out of a call does is in `wasm/exception.rs`.

use super::function::FuncTranslator;
use crate::intrinsic;
use crate::signature::{builtin_signature, wasm_signature};
use crate::trap;
use crate::vm_access;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{FuncRef, InstBuilder, SigRef, Value};
use threadline_environ::artifact::FuncKey;
use threadline_environ::module::KnownImport;
use threadline_environ::{
    BuiltinIndex, DefinedFuncIndex, FuncIndex, Result, SignatureIndex, StaticModuleIndex,
    TableIndex, TrapCode, TypeIndex, UnsafeIntrinsic,
};
use wasmparser::Operator;

/// Where a call returns to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// The next operator.
    Inner,
    /// The caller's caller: the callee takes the place of the caller.
    Tail,
}

/// A callee as Cranelift has it.
#[derive(Copy, Clone)]
enum Target {
    Direct(FuncRef),
    Indirect(SigRef, Value),
}

impl FuncTranslator<'_, '_> {
    pub(super) fn call_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        use Position::{Inner, Tail};
        match *operator {
            Operator::Call { function_index } => self.call(function_index, Inner)?,
            Operator::CallIndirect {
                type_index,
                table_index,
            } => self.call_indirect(type_index, table_index, Inner)?,
            Operator::CallRef { type_index } => self.call_ref(type_index, Inner)?,
            Operator::ReturnCall { function_index } => self.call(function_index, Tail)?,
            Operator::ReturnCallIndirect {
                type_index,
                table_index,
            } => self.call_indirect(type_index, table_index, Tail)?,
            Operator::ReturnCallRef { type_index } => self.call_ref(type_index, Tail)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn call(&mut self, func: u32, position: Position) -> Result<()> {
        let func = FuncIndex::from_u32(func);
        if let Some(defined) = self.env.module().defined_func_index(func) {
            let module = self.env.module_index;
            return self.call_wasm(module, defined, func, self.vmctx, position);
        }
        match self.env.known_import(func) {
            Some(KnownImport::Intrinsic(intrinsic)) => self.call_intrinsic(intrinsic, position),
            Some(KnownImport::Wasm(module, defined)) => {
                let vmctx = self.import_vmctx(func);
                self.call_wasm(module, defined, func, vmctx, position)
            }
            Some(KnownImport::Trampoline(trampoline)) => {
                if let Some(code) = self.env.trap_of(trampoline) {
                    self.builder.ins().trap(trap::to_cranelift(code));
                    self.reachable = false;
                    return Ok(());
                }
                let vmctx = self.import_vmctx(func);
                self.call_direct(FuncKey::Trampoline(trampoline), func, vmctx, position)
            }
            None => self.call_import(func, position),
        }
    }

    /// A call of a function of a module, which is `func` here.
    fn call_wasm(
        &mut self,
        module: StaticModuleIndex,
        callee: DefinedFuncIndex,
        func: FuncIndex,
        vmctx: Value,
        position: Position,
    ) -> Result<()> {
        if position == Position::Inner && self.inlines(module, callee, vmctx) {
            return self.inline_call(module, callee, vmctx);
        }
        self.call_direct(FuncKey::Wasm(module, callee), func, vmctx, position)
    }

    fn import_vmctx(&mut self, func: FuncIndex) -> Value {
        let place = vm_access::function_import_vmctx(self.env.layout, func);
        vm_access::load(&mut self.builder.cursor(), place, self.vmctx)
    }

    fn call_direct(
        &mut self,
        key: FuncKey,
        func: FuncIndex,
        vmctx: Value,
        position: Position,
    ) -> Result<()> {
        let signature = self.env.module().functions[func].signature;
        let ty = self.env.func_type(signature);
        let callee = self
            .callees
            .get(self.builder.func, key, || wasm_signature(ty));
        self.call_target(signature, Target::Direct(callee), vmctx, position)
    }

    fn call_import(&mut self, func: FuncIndex, position: Position) -> Result<()> {
        let signature = self.env.module().functions[func].signature;
        let vmctx = self.import_vmctx(func);
        let place = vm_access::function_import_code(self.env.layout, func);
        let code = vm_access::load(&mut self.builder.cursor(), place, self.vmctx);
        self.call_code(signature, code, vmctx, position)
    }

    fn call_code(
        &mut self,
        signature: SignatureIndex,
        code: Value,
        vmctx: Value,
        position: Position,
    ) -> Result<()> {
        let target = Target::Indirect(self.indirect_signature(signature), code);
        self.call_target(signature, target, vmctx, position)
    }

    /// The call itself, with arguments from the operand stack.
    fn call_target(
        &mut self,
        signature: SignatureIndex,
        target: Target,
        vmctx: Value,
        position: Position,
    ) -> Result<()> {
        let args = self.call_args(signature, vmctx)?;
        match (position, target) {
            (Position::Inner, Target::Direct(callee)) => {
                let results = self.emit_call(callee, &args)?;
                self.finish_call(signature, &results);
            }
            (Position::Inner, Target::Indirect(ty, code)) => {
                let results = self.emit_call_indirect(ty, code, &args)?;
                self.finish_call(signature, &results);
            }
            (Position::Tail, Target::Direct(callee)) => {
                self.builder.ins().return_call(callee, &args);
                self.reachable = false;
            }
            (Position::Tail, Target::Indirect(ty, code)) => {
                self.builder.ins().return_call_indirect(ty, code, &args);
                self.reachable = false;
            }
        }
        Ok(())
    }

    fn call_intrinsic(&mut self, intrinsic: UnsafeIntrinsic, position: Position) -> Result<()> {
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
        match position {
            Position::Inner => Ok(()),
            Position::Tail => self.return_(),
        }
    }

    /// Traps in the order the specification gives: index, null, type.
    fn call_indirect(&mut self, type_index: u32, table: u32, position: Position) -> Result<()> {
        let index = self.pop();
        let table = TableIndex::from_u32(table);
        let element = self.table_element(table, index, TrapCode::UndefinedElement);
        let func_ref = self.load_element(element);
        let signature = self.env.type_signature(type_index);
        if self.env.table_holds_only(table, signature) {
            let null = TrapCode::UninitializedElement;
            return self.call_func_ref(signature, func_ref, null, position);
        }
        self.check_type(func_ref, TypeIndex::from_u32(type_index));
        let mut pos = self.builder.cursor();
        let code = vm_access::load(&mut pos, vm_access::func_ref::code(), func_ref);
        self.call_code_of(signature, func_ref, code, position)
    }

    /// The validator sees to the type.
    fn call_ref(&mut self, type_index: u32, position: Position) -> Result<()> {
        let func_ref = self.pop();
        let signature = self.env.type_signature(type_index);
        let null = TrapCode::NullFunctionReference;
        self.call_func_ref(signature, func_ref, null, position)
    }

    /// Calls a reference whose type is known, but not whether it is null.
    fn call_func_ref(
        &mut self,
        signature: SignatureIndex,
        func_ref: Value,
        null: TrapCode,
        position: Position,
    ) -> Result<()> {
        let mut pos = self.builder.cursor();
        let code = vm_access::func_ref::load_code_or_trap(&mut pos, func_ref, null);
        self.call_code_of(signature, func_ref, code, position)
    }

    /// Calls a reference that is not null, and whose code has been loaded.
    fn call_code_of(
        &mut self,
        signature: SignatureIndex,
        func_ref: Value,
        code: Value,
        position: Position,
    ) -> Result<()> {
        let place = vm_access::func_ref::vmctx();
        let vmctx = vm_access::load(&mut self.builder.cursor(), place, func_ref);
        self.call_code(signature, code, vmctx, position)
    }

    /// Types that can have no subtypes, as all are that aren't declared otherwise, are compared.
    /// For others the host is asked where they differ.
    fn check_type(&mut self, func_ref: Value, expected: TypeIndex) {
        let is_final = self.env.is_final(expected);
        let expected = vm_access::type_id(self.env.layout, expected);
        let mut pos = self.builder.cursor();
        let actual = vm_access::func_ref::load_type_id_or_trap(&mut pos, func_ref);
        let expected = vm_access::load(&mut pos, expected, self.vmctx);
        let code = trap::to_cranelift(TrapCode::IndirectCallTypeMismatch);
        let differs = pos.ins().icmp(IntCC::NotEqual, actual, expected);
        if is_final {
            pos.ins().trapnz(differs, code);
            return;
        }
        let ask = self.builder.create_block();
        let matched = self.builder.create_block();
        self.builder.ins().brif(differs, ask, &[], matched, &[]);
        self.builder.seal_block(ask);
        self.builder.set_cold_block(ask);
        self.builder.switch_to_block(ask);
        let args = [actual, expected];
        let is_subtype = self.call_builtin(BuiltinIndex::IsSubtype, &args)[0];
        self.builder.ins().trapz(is_subtype, code);
        self.builder.ins().jump(matched, &[]);
        self.builder.seal_block(matched);
        self.builder.switch_to_block(matched);
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

//! The one function of an adapter module, while it is written.

use super::context_slots::SlotsHold;
use super::handle::CallBorrows;
use super::imports::{AdapterImport, Imports, val_type};
use super::{ADAPTER_EXPORT, Adapter, AdapterSpec, Peer, PeerOptions};
use crate::canonical_abi::{FlatFunc, LiftOrLower, flatten_func};
use crate::error::{Error, Result};
use crate::types::{AddressType, FuncType, ValType};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, InstructionSink, MemArg,
    MemArgTarget, NameMap, NameSection,
};

/// A local, by its index.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Local(pub(super) u32);

/// The function so far.
pub(super) struct Body<'a> {
    pub(super) spec: &'a AdapterSpec<'a>,
    /// The callee's core type.
    pub(super) lifted: FlatFunc,
    /// The adapter's own core type.
    pub(super) lowered: FlatFunc,
    pub(super) imports: Imports,
    /// Types of the locals that aren't parameters.
    locals: Vec<ValType>,
    code: Vec<u8>,
    /// What the callee returned, for `post-return`.
    pub(super) callee_result: Option<Local>,
    /// Whose values the context slots hold here.
    pub(super) slots: SlotsHold,
    /// Where the caller's context slots are.
    pub(super) caller_slots: Option<[Local; 2]>,
    /// What is remembered of borrowed handles.
    pub(super) borrows: CallBorrows,
}

impl<'a> Body<'a> {
    /// An empty function.
    pub(super) fn new(spec: &'a AdapterSpec<'a>) -> Body<'a> {
        Body {
            spec,
            lifted: flatten_func(spec.types, spec.func, LiftOrLower::Lift, AddressType::I32),
            lowered: flatten_func(spec.types, spec.func, LiftOrLower::Lower, AddressType::I32),
            imports: Imports::default(),
            locals: Vec::new(),
            code: Vec::new(),
            callee_result: None,
            slots: SlotsHold::Callers,
            caller_slots: None,
            borrows: CallBorrows::default(),
        }
    }

    /// Calls the callee with the values on the stack, and keeps what it returns.
    pub(super) fn call_callee(&mut self) {
        let ty = self.lifted.signature.clone();
        self.call(AdapterImport::Callee, &ty);
        if let Some(&result) = ty.results().first() {
            self.callee_result = Some(self.set_new_local(result));
        }
        self.slots_after_callee();
    }

    /// Calls the callee's `post-return` with what the callee returned.
    pub(super) fn post_return(&mut self) {
        if !self.spec.post_return {
            return;
        }
        self.clear_may_leave(Peer::Callee);
        if let Some(result) = self.callee_result {
            self.get(result);
        }
        let params = self.lifted.signature.results().to_vec();
        self.call(AdapterImport::PostReturn, &FuncType::new(params, []));
        self.set_may_leave(Peer::Callee);
    }

    /// Writes the module. The results are on the stack or in memory.
    pub(super) fn finish(mut self) -> Adapter {
        self.emit().end();
        let name = format!("adapter {}", self.spec.name);
        let ty = self.imports.ty(&self.lowered.signature);
        let index = self.imports.num_funcs();
        let (imports, types, import_section) = self.imports.finish();
        let mut functions = FunctionSection::new();
        functions.function(ty);
        let mut exports = ExportSection::new();
        exports.export(ADAPTER_EXPORT, ExportKind::Func, index);
        let locals = self.locals.iter().map(|&ty| val_type(ty));
        let mut function = Function::new_with_locals_types(locals);
        function.raw(self.code);
        let mut code = CodeSection::new();
        code.function(&function);
        let mut func_names = NameMap::new();
        func_names.append(index, &name);
        let mut names = NameSection::new();
        names.module(&name);
        names.functions(&func_names);
        let mut module = wasm_encoder::Module::new();
        module
            .section(&types)
            .section(&import_section)
            .section(&functions)
            .section(&exports)
            .section(&code)
            .section(&names);
        Adapter {
            bytes: module.finish(),
            imports,
        }
    }

    /// Where instructions go.
    pub(super) fn emit(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.code)
    }

    /// Calls an imported function.
    pub(super) fn call(&mut self, import: AdapterImport, ty: &FuncType) {
        let index = self.imports.func(import, ty);
        self.emit().call(index);
    }

    /// Pushes a local.
    pub(super) fn get(&mut self, local: Local) {
        self.emit().local_get(local.0);
    }

    /// Pops a value into a new local.
    pub(super) fn set_new_local(&mut self, ty: ValType) -> Local {
        let params = self.lowered.signature.params().len();
        let local = Local((params + self.locals.len()) as u32);
        self.locals.push(ty);
        self.emit().local_set(local.0);
        local
    }

    /// Pushes the size of a side's memory in bytes, as an i64.
    pub(super) fn memory_bytes(&mut self, peer: Peer) -> Result<()> {
        let memory = self.memory(peer)?;
        self.emit()
            .memory_size(memory)
            .i64_extend_i32_u()
            .i64_const(16)
            .i64_shl();
        Ok(())
    }

    /// The index of a side's memory.
    ///
    /// # Errors
    /// If the side gave none.
    pub(super) fn memory(&mut self, peer: Peer) -> Result<u32> {
        if !self.options(peer).memory {
            return Err(missing("memory"));
        }
        Ok(self.imports.memory(peer))
    }

    /// An access to a side's memory.
    pub(super) fn mem_arg(&mut self, peer: Peer, offset: u32, size: u32) -> Result<MemArg> {
        Ok(MemArg {
            offset: u64::from(offset),
            align: size.trailing_zeros(),
            target: MemArgTarget::Memory(self.memory(peer)?),
            ordering: None,
        })
    }

    /// What a side gave.
    pub(super) fn options(&self, peer: Peer) -> PeerOptions {
        match peer {
            Peer::Caller => self.spec.caller,
            Peer::Callee => self.spec.callee,
        }
    }
}

/// The error for an option that validation has asked for and that isn't there.
pub(super) fn missing(option: &str) -> Error {
    Error::invalid(format!("canonical option `{option}` is required"), 0)
}

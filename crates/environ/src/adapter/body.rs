//! The functions of an adapter module, while they are written.

use super::code::{Code, Local};
use super::context_slots::SlotsHold;
use super::handle::CallBorrows;
use super::imports::{AdapterImport, Imports};
use super::module::{self, Main, Parts};
use super::outlined::Helpers;
use super::place::OwnedPlace;
use super::shape::{Shape, Shapes};
use super::{Adapter, AdapterSpec, Peer, PeerOptions};
use crate::canonical_abi::{FlatFunc, FlatType};
use crate::component::{ComponentTypes, InterfaceType, StringEncoding};
use crate::error::{Error, Result};
use crate::types::{AddressType, FuncType, ValType};
use std::collections::BTreeMap;
use wasm_encoder::{InstructionSink, MemArg, MemArgTarget};

/// The module so far, and the function that is being written.
pub(super) struct Body<'a> {
    pub(super) spec: &'a AdapterSpec<'a>,
    shapes: &'a mut Shapes,
    /// The callee's core type.
    pub(super) lifted: FlatFunc,
    /// The core type that the caller calls.
    pub(super) lowered: FlatFunc,
    /// The functions written so far that are exported.
    mains: Vec<Main>,
    /// The parameters of the one that is being written.
    pub(super) params: Vec<Local>,
    pub(super) imports: Imports,
    pub(super) code: Code,
    pub(super) helpers: Helpers,
    /// How often a type has been moved in place.
    pub(super) in_place: BTreeMap<InterfaceType, u32>,
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
    /// An empty module.
    pub(super) fn new(spec: &'a AdapterSpec<'a>, shapes: &'a mut Shapes) -> Body<'a> {
        let lowered = spec.lowered();
        let (code, params) = Code::new(flat_types(lowered.signature.params()));
        Body {
            spec,
            shapes,
            lifted: spec.lifted(),
            lowered,
            mains: Vec::new(),
            params,
            imports: Imports::default(),
            code,
            helpers: Helpers::default(),
            in_place: BTreeMap::new(),
            callee_result: None,
            slots: SlotsHold::Callers,
            caller_slots: None,
            borrows: CallBorrows::default(),
        }
    }

    /// Calls the callee, and keeps what it returns.
    pub(super) fn call_callee(&mut self, args: &OwnedPlace) {
        self.get_all(args.locals());
        let FlatFunc { signature, .. } = &self.lifted;
        let params: Vec<_> = flat_types(signature.params()).collect();
        let results: Vec<_> = flat_types(signature.results()).collect();
        self.call(AdapterImport::Callee, &params, &results);
        self.callee_result = results.first().map(|&ty| self.set_new_local(ty));
        self.slots_after_callee();
    }

    /// Calls the callee's `post-return` with what the callee returned.
    pub(super) fn post_return(&mut self) {
        if !self.spec.post_return {
            return;
        }
        self.clear_may_leave(Peer::Callee);
        let result = self.callee_result;
        self.get_all(result.as_slice());
        let params: Vec<_> = result.iter().map(|result| result.ty).collect();
        self.call(AdapterImport::PostReturn, &params, &[]);
        self.set_may_leave(Peer::Callee);
    }

    /// Ends a function, whose results are on the stack, and begins another with these parameters.
    ///
    /// # Errors
    /// If the code is too large.
    pub(super) fn end_function(
        &mut self,
        export: &'static str,
        results: &[FlatType],
        next_params: &[FlatType],
    ) -> Result<()> {
        let (next, next_params) = Code::new(next_params.iter().copied());
        let code = std::mem::replace(&mut self.code, next);
        let params = std::mem::replace(&mut self.params, next_params);
        code.check_size()?;
        let params: Vec<_> = params.iter().map(|param| param.ty).collect();
        let ty = self.imports.ty(&params, results);
        self.mains.push(Main { export, ty, code });
        Ok(())
    }

    /// Writes the module.
    ///
    /// # Errors
    /// If the code is too large.
    pub(super) fn finish(mut self) -> Result<Adapter> {
        let bytes = self.mains.iter().map(|main| main.code.len()).sum();
        let helpers = self.write_helpers(bytes)?;
        let parts = Parts {
            name: format!("adapter {}", self.spec.name),
            mains: self.mains,
            helpers,
        };
        Ok(module::finish(self.imports, parts))
    }

    /// Where instructions go.
    pub(super) fn emit(&mut self) -> InstructionSink<'_> {
        self.code.emit()
    }

    /// Calls an imported function.
    pub(super) fn call(
        &mut self,
        import: AdapterImport,
        params: &[FlatType],
        results: &[FlatType],
    ) {
        let index = self.imports.func(import, params, results);
        self.emit().call(index);
    }

    /// Pushes a local.
    pub(super) fn get(&mut self, local: Local) {
        self.emit().local_get(local.index);
    }

    /// Pushes locals.
    pub(super) fn get_all(&mut self, locals: &[Local]) {
        for &local in locals {
            self.get(local);
        }
    }

    /// Pops a local.
    pub(super) fn set(&mut self, local: Local) {
        self.emit().local_set(local.index);
    }

    /// Pops a value into a new local.
    pub(super) fn set_new_local(&mut self, ty: FlatType) -> Local {
        let local = self.code.new_local(ty);
        self.set(local);
        local
    }

    /// Runs something whose locals nobody needs afterwards.
    pub(super) fn scoped<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        let mark = self.code.mark();
        let result = f(self);
        self.code.release(mark);
        result
    }

    /// Pushes the size of a side's memory in bytes, as an i64.
    pub(super) fn memory_bytes(&mut self, peer: Peer) -> Result<()> {
        let memory = self.memory(peer)?;
        let page_size_log2 = self.options(peer).memory.map_or(0, |ty| ty.page_size_log2);
        self.emit().memory_size(memory);
        if self.address(peer) == AddressType::I32 {
            self.emit().i64_extend_i32_u();
        }
        if page_size_log2 > 0 {
            self.emit().i64_const(page_size_log2.into()).i64_shl();
        }
        Ok(())
    }

    /// The index of a side's memory.
    ///
    /// # Errors
    /// If the side gave none.
    pub(super) fn memory(&mut self, peer: Peer) -> Result<u32> {
        match &self.options(peer).memory {
            Some(ty) => Ok(self.imports.memory(peer, ty)),
            None => Err(missing("memory")),
        }
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
            Peer::Scratch => PeerOptions::scratch(&self.spec.caller),
        }
    }

    /// The type of a side's pointers and lengths.
    pub(super) fn address(&self, peer: Peer) -> AddressType {
        self.options(peer).address()
    }

    /// Likewise.
    pub(super) fn pointer_type(&self, peer: Peer) -> FlatType {
        FlatType::pointer(self.address(peer))
    }

    /// How strings are encoded that come from a side, on their way to another. In the scratch
    /// memory they are as on the side that they are lifted from: what is lowered into the callee
    /// is the caller's.
    pub(super) fn encoding_from(&self, from: Peer, to: Peer) -> StringEncoding {
        let from = match (from, to) {
            (Peer::Scratch, Peer::Caller) => Peer::Callee,
            (Peer::Scratch, _) => Peer::Caller,
            (from, _) => from,
        };
        self.options(from).string_encoding
    }

    /// The types.
    pub(super) fn types(&self) -> &'a ComponentTypes {
        self.spec.types
    }

    /// What is known about a type.
    pub(super) fn shape(&mut self, ty: InterfaceType) -> Shape {
        self.shapes.of(self.spec.types, ty)
    }
}

/// Core types that are numbers, which all core types of lifted and lowered functions are.
pub(super) fn flat_types(types: &[ValType]) -> impl Iterator<Item = FlatType> + '_ {
    types.iter().filter_map(|ty| match ty {
        ValType::I32 => Some(FlatType::I32),
        ValType::I64 => Some(FlatType::I64),
        ValType::F32 => Some(FlatType::F32),
        ValType::F64 => Some(FlatType::F64),
        ValType::V128 | ValType::Ref(_) => None,
    })
}

/// The types of an intrinsic or any other core function that adapters call.
pub(super) fn flat_signature(ty: &FuncType) -> (Vec<FlatType>, Vec<FlatType>) {
    (
        flat_types(ty.params()).collect(),
        flat_types(ty.results()).collect(),
    )
}

/// The error for an option that validation has asked for and that isn't there.
pub(super) fn missing(option: &str) -> Error {
    Error::invalid(format!("canonical option `{option}` is required"), 0)
}

//! The main function: a call from beginning to end.

use super::body::{Body, flat_types};
use super::code::Local;
use super::place::{Move, OwnedPlace};
use super::realloc::ByteLength;
use super::{ADAPTER_EXPORT, Adapter, Peer};
use crate::TrapCode;
use crate::canonical_abi::{
    LiftOrLower, SUBTASK_RETURNED, SizeAlign, flatten_fields, tuple_layout,
};
use crate::component::InterfaceType;
use crate::error::Result;

impl Body<'_> {
    /// Writes the call, and the module around it.
    pub(super) fn write_call(mut self) -> Result<Adapter> {
        self.check_may_leave();
        self.begin_callee_thread();
        self.begin_borrows();
        let args = self.params()?;
        self.call_callee(&args);
        self.end_borrow_scope();
        let result = match self.callee_result {
            Some(result) if self.lifted.result_in_memory => OwnedPlace::Memory(result),
            result => OwnedPlace::Flat(result.into_iter().collect()),
        };
        let result = self.result(result)?;
        self.post_return();
        self.end_lends();
        self.end_callee_thread();
        self.get_all(&result);
        if self.spec.caller.lower == LiftOrLower::LowerAsync {
            self.emit().i32_const(SUBTASK_RETURNED);
        }
        let results: Vec<_> = flat_types(self.lowered.signature.results()).collect();
        self.end_function(ADAPTER_EXPORT, &results, &[])?;
        self.finish()
    }

    /// Moves the parameters into the callee; what it is called with.
    pub(super) fn params(&mut self) -> Result<OwnedPlace> {
        let types: Vec<_> = self.spec.func.params.iter().map(|&(_, ty)| ty).collect();
        let (from, to) = (Peer::Caller, Peer::Callee);
        let src = if self.lowered.params_in_memory {
            let pointer = self.params[0];
            self.check_tuple(from, &types, pointer)?;
            OwnedPlace::Memory(pointer)
        } else {
            let flat = types.iter().map(|&ty| self.flat_count(ty)).sum();
            OwnedPlace::Flat(self.params[..flat].to_vec())
        };
        let (from, src) = self.stage(&types, from, src)?;
        let dst = if self.lifted.params_in_memory {
            let SizeAlign { size, align } = self.tuple_size(to, &types);
            OwnedPlace::Memory(self.allocate(to, align, ByteLength::Const(size))?)
        } else {
            let flat = flatten_fields(self.types(), types.iter().copied(), self.address(to));
            let flat = flat.unwrap_or_default();
            let locals = flat.iter().map(|&ty| self.code.new_local(ty));
            OwnedPlace::Flat(locals.collect())
        };
        let mv = Move {
            from,
            src: src.get(),
            to,
            dst: dst.get(),
        };
        self.tuple(&types, mv)?;
        Ok(dst)
    }

    /// Moves the result from where the callee has it into the caller, to where the last parameter
    /// points if it is wanted in memory; what the caller gets otherwise.
    pub(super) fn result(&mut self, src: OwnedPlace) -> Result<Vec<Local>> {
        let Some(ty) = self.spec.func.result else {
            return Ok(Vec::new());
        };
        let types = [ty];
        let (from, to) = (Peer::Callee, Peer::Caller);
        if let OwnedPlace::Memory(pointer) = src {
            self.check_tuple(from, &types, pointer)?;
        }
        let (from, src) = self.stage(&types, from, src)?;
        let (dst, flat) = match (self.lowered.result_in_memory, self.params.last()) {
            (true, Some(&pointer)) => {
                self.check_tuple(to, &types, pointer)?;
                (OwnedPlace::Memory(pointer), Vec::new())
            }
            _ => {
                let flat = flatten_fields(self.types(), [ty].into_iter(), self.address(to));
                let flat = flat.unwrap_or_default();
                let locals: Vec<_> = flat.iter().map(|&ty| self.code.new_local(ty)).collect();
                (OwnedPlace::Flat(locals.clone()), locals)
            }
        };
        let (src, dst) = (src.get(), dst.get());
        self.tuple(&types, Move { from, src, to, dst })?;
        Ok(flat)
    }

    /// Traps if values that lie in a side's memory as a tuple are misaligned or out of bounds.
    fn check_tuple(&mut self, peer: Peer, types: &[InterfaceType], pointer: Local) -> Result<()> {
        let SizeAlign { size, align } = self.tuple_size(peer, types);
        self.check_aligned(pointer, align, TrapCode::UnalignedPointer);
        let size = ByteLength::Const(size);
        self.check_range(peer, pointer, size, TrapCode::CanonicalOutOfBounds)
    }

    fn tuple_size(&self, peer: Peer, types: &[InterfaceType]) -> SizeAlign {
        tuple_layout(self.types(), types.iter().copied(), self.address(peer)).size_align
    }
}

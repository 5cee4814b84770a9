//! Lowering: from values in locals to a side's core values and memory.

use super::Peer;
use super::body::{Body, Local};
use super::imports::AdapterImport;
use super::lift::Lifted;
use super::realloc::ByteLength;
use crate::TrapCode;
use crate::canonical_abi::{size_align, tuple_layout};
use crate::component::InterfaceType;
use crate::error::Result;
use crate::types::{AddressType, FuncType, ValType};

/// A value in core values of the side it is lowered into.
enum Flat {
    /// One.
    Scalar(Local),
    /// A pointer and a length.
    Range(Local, Local),
}

impl Body<'_> {
    /// Lowers the parameters into the callee; its core parameters are then on the stack.
    pub(super) fn lower_params(&mut self, params: &[(InterfaceType, Lifted)]) -> Result<()> {
        if self.lifted.params_in_memory {
            let types = params.iter().map(|&(ty, _)| ty);
            let layout = tuple_layout(self.spec.types, types, AddressType::I32);
            let pointer = self.allocate_fixed(Peer::Callee, layout.size_align)?;
            for (&(ty, value), &offset) in params.iter().zip(&layout.offsets) {
                self.store(Peer::Callee, ty, value, pointer, offset)?;
            }
            self.get(pointer);
            return Ok(());
        }
        // Allocation is a call, so nothing stays on the stack until all is allocated.
        let mut flat = Vec::with_capacity(params.len());
        for &(_, value) in params {
            flat.push(self.flat(Peer::Callee, value)?);
        }
        for value in flat {
            self.push(value);
        }
        Ok(())
    }

    /// Lowers the result into the caller; the adapter's core result is then on the stack.
    pub(super) fn lower_result(&mut self, result: Option<&(InterfaceType, Lifted)>) -> Result<()> {
        let Some(&(ty, value)) = result else {
            return Ok(());
        };
        if !self.lowered.result_in_memory {
            let flat = self.flat(Peer::Caller, value)?;
            self.push(flat);
            return Ok(());
        }
        let pointer = Local(self.lowered.signature.params().len() as u32 - 1);
        let layout = tuple_layout(self.spec.types, [ty], AddressType::I32);
        self.check_aligned(pointer, layout.size_align.align);
        let size = ByteLength::Const(layout.size_align.size);
        self.check_range(Peer::Caller, pointer, size, TrapCode::CanonicalOutOfBounds)?;
        self.store(Peer::Caller, ty, value, pointer, layout.offsets[0])
    }

    /// Stores a value at a place in a side's memory that is in bounds and aligned.
    fn store(
        &mut self,
        peer: Peer,
        ty: InterfaceType,
        value: Lifted,
        pointer: Local,
        offset: u32,
    ) -> Result<()> {
        let value = match self.flat(peer, value)? {
            Flat::Scalar(value) => value,
            Flat::Range(start, length) => {
                for (half, offset) in [(start, offset), (length, offset + 4)] {
                    let arg = self.mem_arg(peer, offset, 4)?;
                    self.get(pointer);
                    self.get(half);
                    self.emit().i32_store(arg);
                }
                return Ok(());
            }
        };
        let size = size_align(self.spec.types, ty, AddressType::I32).size;
        let arg = self.mem_arg(peer, offset, size)?;
        self.get(pointer);
        self.get(value);
        let mut sink = self.emit();
        match (ty, size) {
            (InterfaceType::F32, _) => sink.f32_store(arg),
            (InterfaceType::F64, _) => sink.f64_store(arg),
            (_, 1) => sink.i32_store8(arg),
            (_, 2) => sink.i32_store16(arg),
            (_, 4) => sink.i32_store(arg),
            (_, _) => sink.i64_store(arg),
        };
        Ok(())
    }

    /// A value in a side's core values; bytes are copied into its memory.
    fn flat(&mut self, peer: Peer, value: Lifted) -> Result<Flat> {
        match value {
            Lifted::Scalar(local) => Ok(Flat::Scalar(local)),
            Lifted::Handle(rep, ty) => {
                self.get(rep);
                match ty {
                    InterfaceType::Own(resource) => self.lower_own(peer, resource),
                    InterfaceType::Borrow(resource) => self.lower_borrow(resource),
                    _ => {}
                }
                Ok(Flat::Scalar(self.set_new_local(ValType::I32)))
            }
            Lifted::String(from, length) => {
                let code = TrapCode::StringOutOfBounds;
                let to = self.allocate(peer, 1, ByteLength::Local(length), code)?;
                self.copy_string(peer, from, to, length)?;
                Ok(Flat::Range(to, length))
            }
            Lifted::List(from, length) => {
                let code = TrapCode::ListOutOfBounds;
                let to = self.allocate(peer, 1, ByteLength::Local(length), code)?;
                let to_memory = self.memory(peer)?;
                let from_memory = self.memory(other(peer))?;
                self.get(to);
                self.get(from);
                self.get(length);
                self.emit().memory_copy(to_memory, from_memory);
                Ok(Flat::Range(to, length))
            }
        }
    }

    /// Copies a string from the other side's memory, checking that it is utf-8.
    fn copy_string(&mut self, to_peer: Peer, from: Local, to: Local, length: Local) -> Result<()> {
        // Both memories are there for the trampoline, which knows them by itself.
        self.memory(to_peer)?;
        self.memory(other(to_peer))?;
        for value in [from, to, length] {
            self.get(value);
            self.emit().i64_extend_i32_u();
        }
        let copy = AdapterImport::Utf8Copy {
            from: other(to_peer),
            to: to_peer,
        };
        self.call(copy, &FuncType::new([ValType::I64; 3], []));
        Ok(())
    }

    fn push(&mut self, value: Flat) {
        match value {
            Flat::Scalar(local) => self.get(local),
            Flat::Range(start, length) => {
                self.get(start);
                self.get(length);
            }
        }
    }
}

fn other(peer: Peer) -> Peer {
    match peer {
        Peer::Caller => Peer::Callee,
        Peer::Callee => Peer::Caller,
    }
}

//! Lifting: from a side's core values and memory to values in locals, checked.
//!
//! All values of a call are lifted before the first is lowered, as the specification has it.

use super::Peer;
use super::body::{Body, Local};
use super::realloc::ByteLength;
use crate::TrapCode;
use crate::canonical_abi::{
    MAX_LIST_BYTE_LENGTH, MAX_STRING_BYTE_LENGTH, TupleLayout, flatten, size_align, tuple_layout,
};
use crate::component::InterfaceType;
use crate::error::Result;
use crate::types::{AddressType, ValType};

/// A value on the way from one side to the other.
#[derive(Copy, Clone, Debug)]
pub(super) enum Lifted {
    /// The flat value, as it is lowered.
    Scalar(Local),
    /// A handle, of this type, by its representation.
    Handle(Local, InterfaceType),
    /// Bytes of a string in the memory of the side it was lifted from; in bounds, unchecked
    /// otherwise.
    String(Local, Local),
    /// Bytes of a list likewise.
    List(Local, Local),
}

impl Body<'_> {
    /// Lifts the parameters out of the caller.
    pub(super) fn lift_params(&mut self) -> Result<Vec<(InterfaceType, Lifted)>> {
        let types: Vec<_> = self.spec.func.params.iter().map(|&(_, ty)| ty).collect();
        if self.lowered.params_in_memory {
            return self.lift_tuple(Peer::Caller, Local(0), &types);
        }
        let mut next = 0;
        let mut lifted = Vec::new();
        for ty in types {
            let first = Local(next);
            next += flatten(self.spec.types, ty, AddressType::I32).map_or(0, <[_]>::len) as u32;
            lifted.push((
                ty,
                self.lift_flat(Peer::Caller, ty, first, Local(first.0 + 1))?,
            ));
        }
        Ok(lifted)
    }

    /// Lifts the result out of the callee.
    pub(super) fn lift_result(&mut self) -> Result<Option<(InterfaceType, Lifted)>> {
        let (Some(ty), Some(result)) = (self.spec.func.result, self.callee_result) else {
            return Ok(None);
        };
        if self.lifted.result_in_memory {
            return Ok(self.lift_tuple(Peer::Callee, result, &[ty])?.pop());
        }
        // A flat result is one core value.
        let value = self.lift_flat(Peer::Callee, ty, result, result)?;
        Ok(Some((ty, value)))
    }

    /// Lifts a tuple in a side's memory.
    fn lift_tuple(
        &mut self,
        peer: Peer,
        pointer: Local,
        types: &[InterfaceType],
    ) -> Result<Vec<(InterfaceType, Lifted)>> {
        let TupleLayout {
            offsets,
            size_align,
        } = tuple_layout(self.spec.types, types.iter().copied(), AddressType::I32);
        self.check_aligned(pointer, size_align.align);
        let size = ByteLength::Const(size_align.size);
        self.check_range(peer, pointer, size, TrapCode::CanonicalOutOfBounds)?;
        let mut lifted = Vec::new();
        for (&ty, &offset) in types.iter().zip(&offsets) {
            lifted.push((ty, self.load(peer, ty, pointer, offset)?));
        }
        Ok(lifted)
    }

    /// Lifts a value that is one or two flat ones.
    fn lift_flat(
        &mut self,
        peer: Peer,
        ty: InterfaceType,
        first: Local,
        second: Local,
    ) -> Result<Lifted> {
        match ty {
            InterfaceType::String | InterfaceType::List(_) => {
                self.lift_range(peer, ty, first, second)
            }
            InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
                self.get(first);
                Ok(self.lift_handle(peer, ty))
            }
            _ if super::is_passed_as_is(&ty) => Ok(Lifted::Scalar(first)),
            _ => {
                self.get(first);
                Ok(Lifted::Scalar(self.convert(ty)))
            }
        }
    }

    /// Lifts a value that is in a side's memory, in bounds and aligned.
    fn load(
        &mut self,
        peer: Peer,
        ty: InterfaceType,
        pointer: Local,
        offset: u32,
    ) -> Result<Lifted> {
        if let InterfaceType::String | InterfaceType::List(_) = ty {
            let mut halves = [pointer; 2];
            for (half, offset) in halves.iter_mut().zip([offset, offset + 4]) {
                let arg = self.mem_arg(peer, offset, 4)?;
                self.get(pointer);
                self.emit().i32_load(arg);
                *half = self.set_new_local(ValType::I32);
            }
            return self.lift_range(peer, ty, halves[0], halves[1]);
        }
        let size = size_align(self.spec.types, ty, AddressType::I32).size;
        let arg = self.mem_arg(peer, offset, size)?;
        self.get(pointer);
        let mut sink = self.emit();
        match (ty, size) {
            (InterfaceType::F32, _) => sink.f32_load(arg),
            (InterfaceType::F64, _) => sink.f64_load(arg),
            (_, 1) => sink.i32_load8_u(arg),
            (_, 2) => sink.i32_load16_u(arg),
            (_, 4) => sink.i32_load(arg),
            (_, _) => sink.i64_load(arg),
        };
        if let InterfaceType::Own(_) | InterfaceType::Borrow(_) = ty {
            return Ok(self.lift_handle(peer, ty));
        }
        Ok(Lifted::Scalar(self.convert(ty)))
    }

    /// Lifts the handle on the stack.
    fn lift_handle(&mut self, peer: Peer, ty: InterfaceType) -> Lifted {
        match ty {
            InterfaceType::Own(resource) => self.lift_own(peer, resource),
            InterfaceType::Borrow(resource) => self.lift_borrow(resource),
            _ => {}
        }
        Lifted::Handle(self.set_new_local(ValType::I32), ty)
    }

    /// Pops a flat value, keeps the bits that the type has, checks them, and puts it in a local.
    fn convert(&mut self, ty: InterfaceType) -> Local {
        match ty {
            InterfaceType::Bool => {
                self.emit().i32_const(0).i32_ne();
            }
            InterfaceType::S8 => {
                self.emit().i32_extend8_s();
            }
            InterfaceType::S16 => {
                self.emit().i32_extend16_s();
            }
            InterfaceType::U8 => {
                self.emit().i32_const(0xFF).i32_and();
            }
            InterfaceType::U16 => {
                self.emit().i32_const(0xFFFF).i32_and();
            }
            InterfaceType::Flags(index) => {
                let labels = self.spec.types.flags[index].labels.len() as u32;
                let mask = u32::MAX >> (32 - labels.clamp(1, 32));
                self.emit().i32_const(mask as i32).i32_and();
            }
            InterfaceType::Char => return self.check_char(),
            InterfaceType::Enum(index) => {
                let cases = self.spec.types.enums[index].cases.len();
                return self.check_discriminant(cases);
            }
            // Any core value will do; strings and lists don't come here.
            InterfaceType::S32
            | InterfaceType::U32
            | InterfaceType::S64
            | InterfaceType::U64
            | InterfaceType::F32
            | InterfaceType::F64
            | InterfaceType::String
            | InterfaceType::List(_)
            | _ => {}
        }
        let flat = flatten(self.spec.types, ty, AddressType::I32).unwrap_or_default();
        self.set_new_local(flat[0].into())
    }

    /// Traps unless the value is below 0x110000 and no surrogate: the exclusive or turns the
    /// surrogates into 0..0x800, the subtraction makes those the greatest.
    fn check_char(&mut self) -> Local {
        let value = self.set_new_local(ValType::I32);
        self.get(value);
        self.emit()
            .i32_const(0xD800)
            .i32_xor()
            .i32_const(0x800)
            .i32_sub()
            .i32_const(0x11_0000 - 0x800)
            .i32_ge_u();
        self.trap_if(TrapCode::InvalidChar);
        value
    }

    fn check_discriminant(&mut self, cases: usize) -> Local {
        let value = self.set_new_local(ValType::I32);
        self.get(value);
        self.emit().i32_const(cases as i32).i32_ge_u();
        self.trap_if(TrapCode::InvalidDiscriminant);
        value
    }

    /// Lifts a string or list of bytes, less what its bytes are.
    fn lift_range(
        &mut self,
        peer: Peer,
        ty: InterfaceType,
        pointer: Local,
        length: Local,
    ) -> Result<Lifted> {
        let string = ty == InterfaceType::String;
        let (max, out_of_bounds) = if string {
            (MAX_STRING_BYTE_LENGTH, TrapCode::StringOutOfBounds)
        } else {
            (MAX_LIST_BYTE_LENGTH, TrapCode::ListOutOfBounds)
        };
        self.get(length);
        self.emit().i32_const(max as i32).i32_gt_u();
        self.trap_if(TrapCode::ListTooLong);
        self.check_range(peer, pointer, ByteLength::Local(length), out_of_bounds)?;
        Ok(if string {
            Lifted::String(pointer, length)
        } else {
            Lifted::List(pointer, length)
        })
    }
}

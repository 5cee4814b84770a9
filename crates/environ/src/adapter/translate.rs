//! Lifting and lowering at once: a value from its place on one side to its place on the other.
//!
//! A value is checked as it is lifted, and written where it belongs as it is lowered, in the
//! order of the specification on either side. That both happen value by value, where the
//! specification first lifts all, is argued in [`super::scratch`].

use super::Peer;
use super::body::Body;
use super::place::{Move, Place};
use super::realloc::ByteLength;
use super::shape::Shape;
use crate::TrapCode;
use crate::canonical_abi::{FlatType, flatten, size_align, tuple_layout};
use crate::component::InterfaceType;
use crate::error::Result;
use crate::types::AddressType;

/// Plain values of so many bytes are copied as bytes rather than field by field.
const MIN_BLOCK: u32 = 64;

/// How often a type is moved in place in an adapter. Further values of it are moved by a helper, so
/// that an adapter's size is in proportion to that of the types in it.
const MAX_IN_PLACE: u32 = 32;

impl Body<'_> {
    /// Moves a value: in place, or by a helper.
    pub(super) fn translate(&mut self, ty: InterfaceType, mv: Move<'_>) -> Result<()> {
        let shape = self.shape(ty);
        if shape.plain && self.copy_block(ty, mv)? {
            return Ok(());
        }
        if shape.is_large() || self.is_repeated(ty, shape) {
            return self.move_by_helper(ty, mv);
        }
        self.translate_here(ty, mv)
    }

    /// Counts how often a type is moved in place, and says whether that is often enough. Borrowed
    /// handles in a helper are counted in another way, which was decided before.
    fn is_repeated(&mut self, ty: InterfaceType, shape: Shape) -> bool {
        if !shape.is_worth_a_call() || shape.borrows {
            return false;
        }
        let count = self.in_place.entry(ty).or_insert(0);
        *count += 1;
        *count > MAX_IN_PLACE
    }

    /// Moves a value in place; what it contains may have helpers.
    pub(super) fn translate_here(&mut self, ty: InterfaceType, mv: Move<'_>) -> Result<()> {
        let mark = self.code.mark();
        match ty {
            InterfaceType::Bool
            | InterfaceType::S8
            | InterfaceType::U8
            | InterfaceType::S16
            | InterfaceType::U16
            | InterfaceType::S32
            | InterfaceType::U32
            | InterfaceType::S64
            | InterfaceType::U64
            | InterfaceType::F32
            | InterfaceType::F64
            | InterfaceType::Char
            | InterfaceType::Enum(_)
            | InterfaceType::Flags(_) => self.scalar(ty, mv)?,
            InterfaceType::String => self.string(mv)?,
            InterfaceType::List(index) => self.list(self.types().lists[index].element, mv)?,
            InterfaceType::Map(index) => {
                let entry = InterfaceType::Tuple(self.types().maps[index].entry);
                self.list(entry, mv)?;
            }
            InterfaceType::FixedLengthList(index) => {
                let list = &self.types().fixed_length_lists[index];
                self.fixed_length_list(list.element, list.length, mv)?;
            }
            InterfaceType::Record(_) | InterfaceType::Tuple(_) => self.record(ty, mv)?,
            InterfaceType::Variant(_) | InterfaceType::Option(_) | InterfaceType::Result(_) => {
                self.variant(ty, mv)?;
            }
            InterfaceType::Own(_)
            | InterfaceType::Borrow(_)
            | InterfaceType::Future(_)
            | InterfaceType::Stream(_)
            | InterfaceType::ErrorContext => self.handle(ty, mv)?,
        }
        self.code.release(mark);
        // A type without end in sight is given up before it is all in memory.
        self.code.check_size()
    }

    /// Copies a large value of a plain type from memory to memory; whether it is that.
    fn copy_block(&mut self, ty: InterfaceType, mv: Move<'_>) -> Result<bool> {
        let size = size_align(self.types(), ty, self.address(mv.from)).size;
        let (
            Place::Memory {
                pointer: src,
                offset: from,
            },
            Place::Memory {
                pointer: dst,
                offset: to,
            },
        ) = (mv.src, mv.dst)
        else {
            return Ok(false);
        };
        if size < MIN_BLOCK {
            return Ok(false);
        }
        self.get_address(dst, to);
        self.get_address(src, from);
        self.copy_bytes(mv.from, mv.to, ByteLength::Const(size))?;
        Ok(true)
    }

    /// Copies bytes; destination and source are on the stack.
    pub(super) fn copy_bytes(&mut self, from: Peer, to: Peer, length: ByteLength) -> Result<()> {
        // The length is of the smaller type.
        let narrower = match self.address(from) {
            AddressType::I32 => from,
            AddressType::I64 => to,
        };
        self.byte_length(length, narrower);
        let (from, to) = (self.memory(from)?, self.memory(to)?);
        self.emit().memory_copy(to, from);
        Ok(())
    }

    /// Values of these types, together as a tuple.
    pub(super) fn tuple(&mut self, types: &[InterfaceType], mv: Move<'_>) -> Result<()> {
        let [from, to] = [mv.from, mv.to].map(|peer| {
            let types = types.iter().copied();
            tuple_layout(self.types(), types, self.address(peer)).offsets
        });
        self.fields(types, &from, &to, mv)
    }

    /// `record` and `tuple`.
    fn record(&mut self, ty: InterfaceType, mv: Move<'_>) -> Result<()> {
        let (fields, layout) = self.types().fields(ty).unwrap_or_else(|| {
            unreachable!("only records and tuples come here, and both have fields")
        });
        let [from, to] = [mv.from, mv.to].map(|peer| layout.offsets.get(self.address(peer)));
        self.fields(&fields, from, to, mv)
    }

    fn fields(
        &mut self,
        types: &[InterfaceType],
        from: &[u32],
        to: &[u32],
        mv: Move<'_>,
    ) -> Result<()> {
        let mut flat = 0;
        for ((&ty, &from), &to) in types.iter().zip(from).zip(to) {
            let next = flat + self.flat_count(ty);
            self.translate(ty, mv.part(flat..next, from, to))?;
            flat = next;
        }
        Ok(())
    }

    /// How many core values a value is, the same on both sides; of what is always in memory, 0.
    pub(super) fn flat_count(&self, ty: InterfaceType) -> usize {
        let address = self.address(Peer::Caller);
        flatten(self.types(), ty, address).map_or(0, <[_]>::len)
    }

    /// A value that is one core value.
    fn scalar(&mut self, ty: InterfaceType, mv: Move<'_>) -> Result<()> {
        let size = size_align(self.types(), ty, self.address(mv.from)).size;
        self.begin_store(mv.dst);
        self.push_scalar(ty, size, mv)?;
        self.convert(ty, size, mv);
        self.end_store(ty, size, mv)
    }

    /// Pushes what a store needs before its value.
    pub(super) fn begin_store(&mut self, dst: Place<'_>) {
        if let Place::Memory { pointer, .. } = dst {
            self.get(pointer);
        }
    }

    /// Pops a core value of a type that takes so many bytes into its place.
    pub(super) fn end_store(&mut self, ty: InterfaceType, size: u32, mv: Move<'_>) -> Result<()> {
        let offset = match mv.dst {
            Place::Flat(locals) => {
                self.set(locals[0]);
                return Ok(());
            }
            Place::Memory { offset, .. } => offset,
        };
        let arg = self.mem_arg(mv.to, offset, size)?;
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

    /// Pushes the core value of a type that takes so many bytes from its place.
    pub(super) fn push_scalar(&mut self, ty: InterfaceType, size: u32, mv: Move<'_>) -> Result<()> {
        let (pointer, offset) = match mv.src {
            Place::Flat(locals) => {
                self.get(locals[0]);
                return Ok(());
            }
            Place::Memory { pointer, offset } => (pointer, offset),
        };
        self.get(pointer);
        let arg = self.mem_arg(mv.from, offset, size)?;
        let mut sink = self.emit();
        match (ty, size) {
            (InterfaceType::S8, _) => sink.i32_load8_s(arg),
            (InterfaceType::S16, _) => sink.i32_load16_s(arg),
            (InterfaceType::F32, _) => sink.f32_load(arg),
            (InterfaceType::F64, _) => sink.f64_load(arg),
            (_, 1) => sink.i32_load8_u(arg),
            (_, 2) => sink.i32_load16_u(arg),
            (_, 4) => sink.i32_load(arg),
            (_, _) => sink.i64_load(arg),
        };
        Ok(())
    }

    /// Keeps those bits of the core value on the stack that the type has, and checks them. Loads
    /// and stores do that for what fills the bytes it has in memory.
    fn convert(&mut self, ty: InterfaceType, size: u32, mv: Move<'_>) {
        let flat = mv.src.is_flat() && mv.dst.is_flat();
        match ty {
            InterfaceType::Bool => {
                self.emit().i32_const(0).i32_ne();
            }
            InterfaceType::S8 if flat => {
                self.emit().i32_extend8_s();
            }
            InterfaceType::S16 if flat => {
                self.emit().i32_extend16_s();
            }
            InterfaceType::U8 if flat => {
                self.emit().i32_const(0xFF).i32_and();
            }
            InterfaceType::U16 if flat => {
                self.emit().i32_const(0xFFFF).i32_and();
            }
            InterfaceType::Flags(index) => {
                let labels = self.types().flags[index].labels.len() as u32;
                let bits = if flat { 32 } else { 8 * size };
                if labels < bits {
                    let mask = u32::MAX >> (32 - labels.clamp(1, 32));
                    self.emit().i32_const(mask as i32).i32_and();
                }
            }
            InterfaceType::Char => self.check_char(),
            InterfaceType::Enum(index) => {
                let cases = self.types().enums[index].cases.len();
                self.check_discriminant(cases);
            }
            // Any core value will do.
            _ => {}
        }
    }

    /// Traps unless the value is below 0x110000 and no surrogate: the exclusive or turns the
    /// surrogates into 0..0x800, the subtraction makes those the greatest.
    fn check_char(&mut self) {
        let value = self.code.new_local(FlatType::I32);
        self.emit()
            .local_tee(value.index)
            .i32_const(0xD800)
            .i32_xor()
            .i32_const(0x800)
            .i32_sub()
            .i32_const(0x11_0000 - 0x800)
            .i32_ge_u();
        self.trap_if(TrapCode::InvalidChar);
        self.get(value);
    }

    /// Traps unless the value on the stack is a case's.
    pub(super) fn check_discriminant(&mut self, cases: usize) {
        let value = self.code.new_local(FlatType::I32);
        self.emit()
            .local_tee(value.index)
            .i32_const(cases as i32)
            .i32_ge_u();
        self.trap_if(TrapCode::InvalidDiscriminant);
        self.get(value);
    }
}

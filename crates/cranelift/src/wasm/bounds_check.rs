//! From an operand to an address in a linear memory.
//!
//! Behind the bytes of a memory lie the rest of its reservation and a guard, which fault. An
//! access that can't reach beyond them needs no check: any one of a 32-bit memory with a
//! reservation of 4 GiB and a constant offset below the guard's size, any one at a constant
//! address below the reservation's size. Nor does one inside the memory's smallest size. All
//! others are compared with the memory's length:
//!
//! - Where the constant offset is within the guard, the index alone is. If the index is in bounds
//!   and the access isn't, it faults.
//! - Otherwise the end of the access is, in 64 bits, without wrapping around.
//!
//! No such comparison is a branch, which a processor could predict wrongly and go on past to read
//! what the guest must not see: it makes the address null, and the access faults.
//!
//! Memories with pages of one byte end anywhere within a page of the system, so that nothing
//! faults where they end, and only the second way is left.

use super::function::FuncTranslator;
use crate::trap;
use crate::vm_access::{self, Life};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    InstBuilder, InstructionData, MemFlagsData, Opcode, Value, ValueDef, types,
};
use threadline_environ::{AddressType, MemoryIndex, MemoryType, TrapCode};

/// Bytes that 32-bit addresses span.
const ADDRESS_SPACE_32: u64 = 1 << 32;

/// Pages of this size or larger end where pages of the system do.
const GUARDED_PAGE_SIZE_LOG2: u8 = 16;

/// Offsets up to here from null are on a page that nothing is mapped on.
const MAX_NULL_OFFSET: i32 = 2048;

/// Where and how to access a linear memory.
pub(super) struct HeapAddress {
    /// The base of the access.
    pub(super) base: Value,
    /// The displacement from it.
    pub(super) offset: i32,
    /// Flags of the load or store.
    pub(super) flags: MemFlagsData,
}

/// What is added to a memory's base.
struct Operand {
    /// In 64 bits; `None` is 0.
    index: Option<Value>,
    offset: u64,
}

impl FuncTranslator<'_, '_> {
    /// The address for an access of `size` bytes at `index + offset`.
    ///
    /// The address is only good for an access right here: it may trap, and must not move.
    pub(super) fn heap_address(
        &mut self,
        memory: MemoryIndex,
        index: Value,
        offset: u64,
        size: u32,
    ) -> HeapAddress {
        let operand = self.operand(index, offset);
        let out = self.check_bounds(memory, &operand, size);
        let mut base = self.memory_base(memory);
        if let Some(index) = operand.index {
            base = self.builder.ins().iadd(base, index);
        }
        let largest = if out.is_some() {
            MAX_NULL_OFFSET
        } else {
            i32::MAX
        };
        let offset = match i32::try_from(operand.offset) {
            Ok(offset) if offset <= largest => offset,
            _ => {
                let offset = operand.offset as i64;
                let offset = self.builder.ins().iconst(types::I64, offset);
                base = self.builder.ins().iadd(base, offset);
                0
            }
        };
        if let Some(out) = out {
            let null = self.builder.ins().iconst(types::I64, 0);
            base = self.builder.ins().select_spectre_guard(out, null, base);
        }
        let region = self.env.memory_region(memory);
        let code = trap::to_cranelift(TrapCode::MemoryOutOfBounds);
        let flags = vm_access::element_flags(self.builder.func, region).with_trap_code(Some(code));
        HeapAddress {
            base,
            offset,
            flags,
        }
    }

    /// Folds a constant index into the offset.
    fn operand(&mut self, index: Value, offset: u64) -> Operand {
        let folded = self
            .constant_index(index)
            .and_then(|index| index.checked_add(offset));
        match folded {
            Some(offset) => Operand {
                index: None,
                offset,
            },
            None => Operand {
                index: Some(self.widen(index)),
                offset,
            },
        }
    }

    /// The value of a constant, zero-extended.
    pub(super) fn constant_index(&self, value: Value) -> Option<u64> {
        let dfg = &self.builder.func.dfg;
        let ValueDef::Result(inst, _) = dfg.value_def(value) else {
            return None;
        };
        match dfg.insts[inst] {
            InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                imm,
            } => Some(imm.bits() as u64 & (u64::MAX >> (64 - dfg.value_type(value).bits()))),
            _ => None,
        }
    }

    /// Whether the access is out of bounds, as a value; `None` if it then faults anyway.
    fn check_bounds(&mut self, memory: MemoryIndex, operand: &Operand, size: u32) -> Option<Value> {
        let ty = self.env.module().memories[memory];
        let end = operand.offset.saturating_add(u64::from(size));
        let guarded = ty.page_size_log2 >= GUARDED_PAGE_SIZE_LOG2;
        if self.is_always_in_bounds(&ty, operand, end) {
            return None;
        }
        if guarded && self.faults_if_out_of_bounds(&ty, operand.index.is_some(), end) {
            return None;
        }
        Some(match operand.index {
            Some(index) if guarded && end <= self.env.tunables.memory_guard_size => {
                let length = self.memory_length(memory);
                let condition = IntCC::UnsignedGreaterThanOrEqual;
                self.builder.ins().icmp(condition, index, length)
            }
            Some(index) if ty.address == AddressType::I64 => self.check_end_64(memory, index, end),
            _ => self.check_end_32(memory, operand.index, end),
        })
    }

    /// Whether `size` bytes at whatever index of a memory are in it, or fault: the processor has
    /// nothing to find out by going on ahead of a check.
    pub(super) fn is_fenced(&self, memory: MemoryIndex, size: u64) -> bool {
        let ty = self.env.module().memories[memory];
        let guarded = ty.page_size_log2 >= GUARDED_PAGE_SIZE_LOG2;
        guarded && self.faults_if_out_of_bounds(&ty, true, size)
    }

    /// Memories don't shrink.
    fn is_always_in_bounds(&self, ty: &MemoryType, operand: &Operand, end: u64) -> bool {
        let minimum = ty.minimum_byte_size();
        operand.index.is_none() && minimum.is_some_and(|minimum| end <= minimum)
    }

    /// Whether no index takes the access beyond the reservation and the guard.
    fn faults_if_out_of_bounds(&self, ty: &MemoryType, indexed: bool, end: u64) -> bool {
        let span = match (indexed, ty.address) {
            (false, _) => 0,
            (true, AddressType::I32) => ADDRESS_SPACE_32,
            (true, AddressType::I64) => return false,
        };
        let tunables = self.env.tunables;
        let mapped = tunables
            .memory_reservation
            .saturating_add(tunables.memory_guard_size);
        span.checked_add(end)
            .is_some_and(|furthest| furthest <= mapped)
    }

    /// A 32-bit index (or none) and the end of a constant offset don't add up to 2⁶⁴.
    fn check_end_32(&mut self, memory: MemoryIndex, index: Option<Value>, end: u64) -> Value {
        let length = self.memory_length(memory);
        let mut end = self.builder.ins().iconst(types::I64, end as i64);
        if let Some(index) = index {
            end = self.builder.ins().iadd(index, end);
        }
        let condition = IntCC::UnsignedGreaterThan;
        self.builder.ins().icmp(condition, end, length)
    }

    /// A memory is never smaller than its type's minimum, from which a smaller `end` can be
    /// subtracted; a larger one is added, and traps if the sum doesn't fit.
    fn check_end_64(&mut self, memory: MemoryIndex, index: Value, end: u64) -> Value {
        let length = self.memory_length(memory);
        let ty = self.env.module().memories[memory];
        let fits = ty.minimum_byte_size().is_some_and(|minimum| end <= minimum);
        let end = self.builder.ins().iconst(types::I64, end as i64);
        let condition = IntCC::UnsignedGreaterThan;
        if fits {
            let last = self.builder.ins().isub(length, end);
            self.builder.ins().icmp(condition, index, last)
        } else {
            let code = trap::to_cranelift(TrapCode::MemoryOutOfBounds);
            let end = self.builder.ins().uadd_overflow_trap(index, end, code);
            self.builder.ins().icmp(condition, end, length)
        }
    }

    /// A memory that never outgrows its reservation never moves, nor does a shared one.
    pub(super) fn memory_base(&mut self, memory: MemoryIndex) -> Value {
        let ty = self.env.module().memories[memory];
        let reserved = self.env.tunables.memory_reservation;
        let life = if ty.shared || ty.maximum_byte_size() <= reserved {
            Life::Fixed
        } else {
            Life::Mutable
        };
        let definition = self.env.memory(memory);
        let mut pos = self.builder.cursor();
        let base = definition.base(&mut pos, self.vmctx);
        vm_access::load(&mut pos, definition.memory_base(life), base)
    }

    /// A memory's length in bytes. That of a shared memory may be out of date: it was the length,
    /// at the last fence or later, and the memory has not shrunk.
    pub(super) fn memory_length(&mut self, memory: MemoryIndex) -> Value {
        let definition = self.env.memory(memory);
        let mut pos = self.builder.cursor();
        let base = definition.base(&mut pos, self.vmctx);
        vm_access::load(&mut pos, definition.memory_length(), base)
    }

    /// A shared memory's length in bytes, now.
    pub(super) fn shared_memory_length(&mut self, memory: MemoryIndex) -> Value {
        let definition = self.env.memory(memory);
        let mut pos = self.builder.cursor();
        let base = definition.base(&mut pos, self.vmctx);
        vm_access::atomic_load(&mut pos, definition.memory_length(), base)
    }
}

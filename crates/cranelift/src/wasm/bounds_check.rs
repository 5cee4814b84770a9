//! From an operand to an address in a linear memory.
//!
//! A 32-bit memory with a reservation of 4 GiB needs no check: any 32-bit address plus a constant
//! offset below the guard's size is in the reservation or the guard, and an access outside the
//! memory faults there. All other accesses are compared with the memory's length, in 64 bits,
//! where address plus offset can't wrap around.

use super::function::FuncTranslator;
use crate::trap;
use crate::vm_access::{self, Life};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use threadline_environ::{MemoryIndex, TrapCode};

/// Bytes that 32-bit addresses span.
const ADDRESS_SPACE: u64 = 1 << 32;

/// Where and how to access a linear memory.
pub(super) struct HeapAddress {
    /// The base of the access.
    pub(super) base: Value,
    /// The displacement from it.
    pub(super) offset: i32,
    /// Flags of the load or store.
    pub(super) flags: MemFlagsData,
}

impl FuncTranslator<'_, '_> {
    /// The address for an access of `size` bytes at `index + offset`.
    ///
    /// The address is only good for an access right here: it may trap, and must not move.
    pub(super) fn heap_address(
        &mut self,
        memory: MemoryIndex,
        index: Value,
        offset: u32,
        size: u32,
    ) -> HeapAddress {
        let index = self.builder.ins().uextend(types::I64, index);
        let end = u64::from(offset) + u64::from(size);
        if end > self.unchecked_bytes() {
            self.check_bounds(memory, index, end);
        }
        let base = self.memory_base(memory);
        let region = self.env.memory_region(memory);
        let code = trap::to_cranelift(TrapCode::MemoryOutOfBounds);
        let flags = vm_access::element_flags(self.builder.func, region).with_trap_code(Some(code));
        let address = self.builder.ins().iadd(base, index);
        match i32::try_from(offset) {
            Ok(offset) => HeapAddress {
                base: address,
                offset,
                flags,
            },
            Err(_) => {
                let offset = self.builder.ins().iconst(types::I64, i64::from(offset));
                HeapAddress {
                    base: self.builder.ins().iadd(address, offset),
                    offset: 0,
                    flags,
                }
            }
        }
    }

    /// How far beyond any 32-bit address an access may reach and still be sure to hit the
    /// memory, its reservation or its guard; 0 if the reservation is too small for that.
    fn unchecked_bytes(&self) -> u64 {
        let tunables = self.env.tunables;
        match tunables.memory_reservation.checked_sub(ADDRESS_SPACE) {
            Some(spare) => spare.saturating_add(tunables.memory_guard_size),
            None => 0,
        }
    }

    fn check_bounds(&mut self, memory: MemoryIndex, index: Value, end: u64) {
        let length = self.memory_length(memory);
        let end = self.builder.ins().iconst(types::I64, end as i64);
        let end = self.builder.ins().iadd(index, end);
        let out = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThan, end, length);
        let code = trap::to_cranelift(TrapCode::MemoryOutOfBounds);
        self.builder.ins().trapnz(out, code);
    }

    /// A memory with a reservation never moves, nor does a shared one.
    fn memory_base(&mut self, memory: MemoryIndex) -> Value {
        let shared = self.env.module().memories[memory].shared;
        let life = if shared || self.env.tunables.memory_reservation >= ADDRESS_SPACE {
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

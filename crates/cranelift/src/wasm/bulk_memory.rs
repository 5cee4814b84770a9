//! `memory.copy` and `memory.fill`.
//!
//! Ranges are checked here, each by one comparison before anything is written; then the host
//! moves bytes between addresses (`BuiltinIndex::MemoryMove`, `BuiltinIndex::MemorySet`). Short
//! copies of constant length are loads and stores. Memories that threads share are left to the
//! host as a whole, for it may not touch their bytes as it does others'.

use super::function::FuncTranslator;
use crate::trap;
use crate::vm_access;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Endianness, InstBuilder, Type, Value, types};
use threadline_environ::{AddressType, BuiltinIndex, MemoryIndex, TrapCode};

/// The longest copy that is done by loads and stores: eight vectors.
const MAX_INLINE_COPY: u64 = 128;

impl FuncTranslator<'_, '_> {
    pub(super) fn memory_copy(&mut self, dst_memory: u32, src_memory: u32) {
        let (dst, src, length) = self.pop3();
        let (to, from) = (
            MemoryIndex::from_u32(dst_memory),
            MemoryIndex::from_u32(src_memory),
        );
        if self.is_shared(to) || self.is_shared(from) {
            let args = [
                self.index(dst_memory),
                self.widen(dst),
                self.index(src_memory),
                self.widen(src),
                self.widen(length),
            ];
            self.call_builtin(BuiltinIndex::MemoryCopy, &args);
            return;
        }
        let constant = self.constant_index(length);
        let length = self.widen(length);
        let dst = self.memory_range(to, dst, length);
        let src = self.memory_range(from, src, length);
        match constant {
            Some(count)
                if count <= MAX_INLINE_COPY
                    && self.is_fenced(to, count)
                    && self.is_fenced(from, count) =>
            {
                self.copy_inline((to, dst), (from, src), count);
            }
            _ => {
                self.call_builtin(BuiltinIndex::MemoryMove, &[dst, src, length]);
            }
        }
    }

    pub(super) fn memory_fill(&mut self, memory: u32) {
        let (dst, byte, length) = self.pop3();
        if self.is_shared(MemoryIndex::from_u32(memory)) {
            let args = [
                self.index(memory),
                self.widen(dst),
                byte,
                self.widen(length),
            ];
            self.call_builtin(BuiltinIndex::MemoryFill, &args);
            return;
        }
        let length = self.widen(length);
        let dst = self.memory_range(MemoryIndex::from_u32(memory), dst, length);
        self.call_builtin(BuiltinIndex::MemorySet, &[dst, byte, length]);
    }

    fn is_shared(&self, memory: MemoryIndex) -> bool {
        self.env.module().memories[memory].shared
    }

    /// The address of `index`, after a check that the `length` bytes there are in bounds.
    fn memory_range(&mut self, memory: MemoryIndex, index: Value, length: Value) -> Value {
        let code = trap::to_cranelift(TrapCode::MemoryOutOfBounds);
        let index = self.widen(index);
        let end = match self.env.module().memories[memory].address {
            // Neither of the two has more than 32 bits: a length is as wide as the narrower memory
            // of a copy has addresses.
            AddressType::I32 => self.builder.ins().iadd(index, length),
            AddressType::I64 => self.builder.ins().uadd_overflow_trap(index, length, code),
        };
        let size = self.memory_length(memory);
        let condition = IntCC::UnsignedGreaterThan;
        let out = self.builder.ins().icmp(condition, end, size);
        self.builder.ins().trapnz(out, code);
        let base = self.memory_base(memory);
        self.builder.ins().iadd(base, index)
    }

    /// Copies between addresses that have been checked. Everything is loaded before anything is
    /// stored, so ranges may overlap. What is left at the end of widest accesses is covered by one
    /// more that overlaps the last.
    fn copy_inline(
        &mut self,
        (to, dst): (MemoryIndex, Value),
        (from, src): (MemoryIndex, Value),
        count: u64,
    ) {
        let chunks = chunks(count as i32);
        let region = self.env.memory_region(from);
        let flags = vm_access::element_flags(self.builder.func, region);
        let flags = flags.with_notrap().with_endianness(Endianness::Little);
        let values: Vec<Value> = chunks
            .iter()
            .map(|&(offset, ty)| self.builder.ins().load(ty, flags, src, offset))
            .collect();
        let region = self.env.memory_region(to);
        let flags = vm_access::element_flags(self.builder.func, region);
        let flags = flags.with_notrap().with_endianness(Endianness::Little);
        for (&(offset, _), value) in chunks.iter().zip(values) {
            self.builder.ins().store(flags, value, dst, offset);
        }
    }
}

/// Offsets and types of accesses that cover `count` bytes.
fn chunks(count: i32) -> Vec<(i32, Type)> {
    const WIDTHS: [(i32, Type); 5] = [
        (16, types::I8X16),
        (8, types::I64),
        (4, types::I32),
        (2, types::I16),
        (1, types::I8),
    ];
    let Some(&(width, ty)) = WIDTHS.iter().find(|&&(width, _)| width <= count) else {
        return Vec::new();
    };
    let mut chunks: Vec<_> = (0..count / width).map(|i| (i * width, ty)).collect();
    if count % width != 0 {
        chunks.push((count - width, ty));
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_every_byte_and_no_other() {
        for count in 0..=MAX_INLINE_COPY as i32 {
            let mut covered = vec![false; count as usize];
            for (offset, ty) in chunks(count) {
                let range = offset as usize..offset as usize + ty.bytes() as usize;
                covered[range].fill(true);
            }
            assert!(covered.iter().all(|&byte| byte), "{count}");
        }
    }
}

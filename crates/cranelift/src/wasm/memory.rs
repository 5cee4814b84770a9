//! Scalar loads and stores, `memory.size` and `memory.grow`.
//!
//! Vector ones are in `wasm/simd/memory.rs`, bulk operators in `wasm/bulk.rs`.

use super::bounds_check::HeapAddress;
use super::function::FuncTranslator;
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value, types};
use threadline_environ::{AddressType, BuiltinIndex, Error, MemoryIndex, Result};
use wasmparser::{MemArg, MemArgTarget, Operator};

impl FuncTranslator<'_, '_> {
    pub(super) fn memory_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        use types::{F32, F64, I32, I64};
        match operator {
            Operator::I32Load { memarg } => self.load(memarg, I32)?,
            Operator::I64Load { memarg } => self.load(memarg, I64)?,
            Operator::F32Load { memarg } => self.load(memarg, F32)?,
            Operator::F64Load { memarg } => self.load(memarg, F64)?,
            Operator::I32Load8S { memarg } => self.extending_load(memarg, Opcode::Sload8, I32)?,
            Operator::I32Load8U { memarg } => self.extending_load(memarg, Opcode::Uload8, I32)?,
            Operator::I32Load16S { memarg } => self.extending_load(memarg, Opcode::Sload16, I32)?,
            Operator::I32Load16U { memarg } => self.extending_load(memarg, Opcode::Uload16, I32)?,
            Operator::I64Load8S { memarg } => self.extending_load(memarg, Opcode::Sload8, I64)?,
            Operator::I64Load8U { memarg } => self.extending_load(memarg, Opcode::Uload8, I64)?,
            Operator::I64Load16S { memarg } => self.extending_load(memarg, Opcode::Sload16, I64)?,
            Operator::I64Load16U { memarg } => self.extending_load(memarg, Opcode::Uload16, I64)?,
            Operator::I64Load32S { memarg } => self.extending_load(memarg, Opcode::Sload32, I64)?,
            Operator::I64Load32U { memarg } => self.extending_load(memarg, Opcode::Uload32, I64)?,
            Operator::I32Store { memarg } => self.store(memarg, Opcode::Store, 4)?,
            Operator::I64Store { memarg } => self.store(memarg, Opcode::Store, 8)?,
            Operator::F32Store { memarg } => self.store(memarg, Opcode::Store, 4)?,
            Operator::F64Store { memarg } => self.store(memarg, Opcode::Store, 8)?,
            Operator::I32Store8 { memarg } => self.store(memarg, Opcode::Istore8, 1)?,
            Operator::I64Store8 { memarg } => self.store(memarg, Opcode::Istore8, 1)?,
            Operator::I32Store16 { memarg } => self.store(memarg, Opcode::Istore16, 2)?,
            Operator::I64Store16 { memarg } => self.store(memarg, Opcode::Istore16, 2)?,
            Operator::I64Store32 { memarg } => self.store(memarg, Opcode::Istore32, 4)?,
            Operator::MemorySize { mem } => self.memory_size(MemoryIndex::from_u32(*mem)),
            Operator::MemoryGrow { mem } => self.memory_grow(*mem),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Pops an index and makes it the address of an access of `size` bytes.
    ///
    /// # Errors
    /// If the immediate is one of a proposal that is not built.
    pub(super) fn pop_heap_address(&mut self, memarg: &MemArg, size: u32) -> Result<HeapAddress> {
        let index = self.pop();
        let MemArgTarget::Memory(memory) = memarg.target else {
            return Err(Error::unsupported(
                "the multibyte-array-access proposal",
                u64::from(self.builder.srcloc().bits()),
            ));
        };
        let memory = MemoryIndex::from_u32(memory);
        Ok(self.heap_address(memory, index, memarg.offset, size))
    }

    fn load(&mut self, memarg: &MemArg, ty: Type) -> Result<()> {
        let value = self.load_value(memarg, ty)?;
        self.push(value);
        Ok(())
    }

    /// Pops an index and loads what is there.
    pub(super) fn load_value(&mut self, memarg: &MemArg, ty: Type) -> Result<Value> {
        let at = self.pop_heap_address(memarg, ty.bytes())?;
        Ok(self.builder.ins().load(ty, at.flags, at.base, at.offset))
    }

    fn extending_load(&mut self, memarg: &MemArg, opcode: Opcode, ty: Type) -> Result<()> {
        let size = match opcode {
            Opcode::Sload8 | Opcode::Uload8 => 1,
            Opcode::Sload16 | Opcode::Uload16 => 2,
            _ => 4,
        };
        let at = self.pop_heap_address(memarg, size)?;
        let flags = self.builder.func.dfg.mem_flags.insert_unchecked(at.flags);
        let ins = self.builder.ins();
        let (load, dfg) = ins.Load(opcode, ty, flags, at.offset.into(), at.base);
        let value = dfg.first_result(load);
        self.push(value);
        Ok(())
    }

    fn store(&mut self, memarg: &MemArg, opcode: Opcode, size: u32) -> Result<()> {
        let value = self.pop();
        let at = self.pop_heap_address(memarg, size)?;
        let flags = self.builder.func.dfg.mem_flags.insert_unchecked(at.flags);
        let ty = self.builder.func.dfg.value_type(value);
        let ins = self.builder.ins();
        ins.Store(opcode, ty, flags, at.offset.into(), value, at.base);
        Ok(())
    }

    /// The length is in bytes and always a whole number of pages.
    fn memory_size(&mut self, memory: MemoryIndex) {
        let ty = self.env.module().memories[memory];
        let length = match ty.shared {
            true => self.shared_memory_length(memory),
            false => self.memory_length(memory),
        };
        let page_size_log2 = i64::from(ty.page_size_log2);
        let shift = self.builder.ins().iconst(types::I32, page_size_log2);
        let pages = self.builder.ins().ushr(length, shift);
        self.push_address(ty.address, pages);
    }

    fn memory_grow(&mut self, memory: u32) {
        let pages = self.pop();
        let args = [self.index(memory), self.widen(pages)];
        let old = self.call_builtin(BuiltinIndex::MemoryGrow, &args);
        let address = self.env.module().memories[MemoryIndex::from_u32(memory)].address;
        self.push_address(address, old[0]);
    }

    /// Pushes a size in 64 bits as one in the width of a memory's or table's addresses, which it
    /// fits; the −1 of a failed growth stays −1.
    pub(super) fn push_address(&mut self, address: AddressType, size: Value) {
        let size = match address {
            AddressType::I32 => self.builder.ins().ireduce(types::I32, size),
            AddressType::I64 => size,
        };
        self.push(size);
    }
}

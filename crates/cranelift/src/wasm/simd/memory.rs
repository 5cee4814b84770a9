//! Vector loads and stores.

use super::super::function::FuncTranslator;
use cranelift_codegen::ir::types::{I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type};
use threadline_environ::Result;
use wasmparser::{MemArg, Operator};

impl FuncTranslator<'_, '_> {
    pub(super) fn vector_memory_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        match operator {
            Operator::V128Load { memarg } => self.vector_load(memarg)?,
            Operator::V128Store { memarg } => self.vector_store(memarg)?,
            Operator::V128Load8x8S { memarg } => self.load_extend(memarg, Opcode::Sload8x8)?,
            Operator::V128Load8x8U { memarg } => self.load_extend(memarg, Opcode::Uload8x8)?,
            Operator::V128Load16x4S { memarg } => self.load_extend(memarg, Opcode::Sload16x4)?,
            Operator::V128Load16x4U { memarg } => self.load_extend(memarg, Opcode::Uload16x4)?,
            Operator::V128Load32x2S { memarg } => self.load_extend(memarg, Opcode::Sload32x2)?,
            Operator::V128Load32x2U { memarg } => self.load_extend(memarg, Opcode::Uload32x2)?,
            Operator::V128Load8Splat { memarg } => self.load_splat(memarg, I8X16)?,
            Operator::V128Load16Splat { memarg } => self.load_splat(memarg, I16X8)?,
            Operator::V128Load32Splat { memarg } => self.load_splat(memarg, I32X4)?,
            Operator::V128Load64Splat { memarg } => self.load_splat(memarg, I64X2)?,
            Operator::V128Load32Zero { memarg } => self.load_zero(memarg, I32X4)?,
            Operator::V128Load64Zero { memarg } => self.load_zero(memarg, I64X2)?,
            Operator::V128Load8Lane { memarg, lane } => self.load_lane(memarg, I8X16, *lane)?,
            Operator::V128Load16Lane { memarg, lane } => self.load_lane(memarg, I16X8, *lane)?,
            Operator::V128Load32Lane { memarg, lane } => self.load_lane(memarg, I32X4, *lane)?,
            Operator::V128Load64Lane { memarg, lane } => self.load_lane(memarg, I64X2, *lane)?,
            Operator::V128Store8Lane { memarg, lane } => self.store_lane(memarg, I8X16, *lane)?,
            Operator::V128Store16Lane { memarg, lane } => self.store_lane(memarg, I16X8, *lane)?,
            Operator::V128Store32Lane { memarg, lane } => self.store_lane(memarg, I32X4, *lane)?,
            Operator::V128Store64Lane { memarg, lane } => self.store_lane(memarg, I64X2, *lane)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn vector_load(&mut self, memarg: &MemArg) -> Result<()> {
        let value = self.load_value(memarg, I8X16)?;
        self.push(value);
        Ok(())
    }

    fn vector_store(&mut self, memarg: &MemArg) -> Result<()> {
        let value = self.pop_vector(I8X16);
        let at = self.pop_heap_address(memarg, I8X16.bytes())?;
        self.builder
            .ins()
            .store(at.flags, value, at.base, at.offset);
        Ok(())
    }

    /// Loads eight bytes as lanes and makes each twice as wide.
    fn load_extend(&mut self, memarg: &MemArg, opcode: Opcode) -> Result<()> {
        let at = self.pop_heap_address(memarg, 8)?;
        let ins = self.builder.ins();
        let (flags, base, offset) = (at.flags, at.base, at.offset);
        let value = match opcode {
            Opcode::Sload8x8 => ins.sload8x8(flags, base, offset),
            Opcode::Uload8x8 => ins.uload8x8(flags, base, offset),
            Opcode::Sload16x4 => ins.sload16x4(flags, base, offset),
            Opcode::Uload16x4 => ins.uload16x4(flags, base, offset),
            Opcode::Sload32x2 => ins.sload32x2(flags, base, offset),
            _ => ins.uload32x2(flags, base, offset),
        };
        self.push(value);
        Ok(())
    }

    fn load_splat(&mut self, memarg: &MemArg, ty: Type) -> Result<()> {
        let lane = self.load_value(memarg, ty.lane_type())?;
        let value = self.builder.ins().splat(ty, lane);
        self.push(value);
        Ok(())
    }

    fn load_zero(&mut self, memarg: &MemArg, ty: Type) -> Result<()> {
        let lane = self.load_value(memarg, ty.lane_type())?;
        let value = self.builder.ins().scalar_to_vector(ty, lane);
        self.push(value);
        Ok(())
    }

    fn load_lane(&mut self, memarg: &MemArg, ty: Type, lane: u8) -> Result<()> {
        let vector = self.pop_vector(ty);
        let value = self.load_value(memarg, ty.lane_type())?;
        let vector = self.builder.ins().insertlane(vector, value, lane);
        self.push(vector);
        Ok(())
    }

    fn store_lane(&mut self, memarg: &MemArg, ty: Type, lane: u8) -> Result<()> {
        let vector = self.pop_vector(ty);
        let value = self.builder.ins().extractlane(vector, lane);
        let at = self.pop_heap_address(memarg, ty.lane_type().bytes())?;
        self.builder
            .ins()
            .store(at.flags, value, at.base, at.offset);
        Ok(())
    }
}

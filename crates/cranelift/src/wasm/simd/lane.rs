//! Constants, splats, and operators that name or permute lanes.

use super::super::function::FuncTranslator;
use cranelift_codegen::ir::types::{F32X4, F64X2, I8, I8X16, I16, I16X8, I32, I32X4, I64X2};
use cranelift_codegen::ir::{ConstantData, InstBuilder, Opcode, Type, Value};
use wasmparser::Operator;

impl FuncTranslator<'_, '_> {
    pub(super) fn lane_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::V128Const { value } => self.v128_const(value.bytes()),
            Operator::I8x16Shuffle { lanes } => self.shuffle(lanes),
            Operator::I8x16Swizzle => self.swizzle(),
            Operator::I8x16Splat => self.splat(I8X16),
            Operator::I16x8Splat => self.splat(I16X8),
            Operator::I32x4Splat => self.splat(I32X4),
            Operator::I64x2Splat => self.splat(I64X2),
            Operator::F32x4Splat => self.splat(F32X4),
            Operator::F64x2Splat => self.splat(F64X2),
            Operator::I8x16ExtractLaneS { lane } => self.extract(I8X16, *lane, Opcode::Sextend),
            Operator::I8x16ExtractLaneU { lane } => self.extract(I8X16, *lane, Opcode::Uextend),
            Operator::I16x8ExtractLaneS { lane } => self.extract(I16X8, *lane, Opcode::Sextend),
            Operator::I16x8ExtractLaneU { lane } => self.extract(I16X8, *lane, Opcode::Uextend),
            Operator::I32x4ExtractLane { lane } => self.extract_whole(I32X4, *lane),
            Operator::I64x2ExtractLane { lane } => self.extract_whole(I64X2, *lane),
            Operator::F32x4ExtractLane { lane } => self.extract_whole(F32X4, *lane),
            Operator::F64x2ExtractLane { lane } => self.extract_whole(F64X2, *lane),
            Operator::I8x16ReplaceLane { lane } => self.replace(I8X16, *lane),
            Operator::I16x8ReplaceLane { lane } => self.replace(I16X8, *lane),
            Operator::I32x4ReplaceLane { lane } => self.replace(I32X4, *lane),
            Operator::I64x2ReplaceLane { lane } => self.replace(I64X2, *lane),
            Operator::F32x4ReplaceLane { lane } => self.replace(F32X4, *lane),
            Operator::F64x2ReplaceLane { lane } => self.replace(F64X2, *lane),
            _ => return false,
        }
        true
    }

    fn v128_const(&mut self, bytes: &[u8; 16]) {
        let value = self.v128_constant(bytes);
        self.push(value);
    }

    fn shuffle(&mut self, lanes: &[u8; 16]) {
        let (x, y) = self.pop2_vectors(I8X16);
        let lanes = ConstantData::from(&lanes[..]);
        let lanes = self.builder.func.dfg.immediates.push(lanes);
        let value = self.builder.ins().shuffle(x, y, lanes);
        self.push(value);
    }

    fn swizzle(&mut self) {
        let (x, lanes) = self.pop2_vectors(I8X16);
        let value = self.builder.ins().swizzle(x, lanes);
        self.push(value);
    }

    fn splat(&mut self, ty: Type) {
        let lane = self.pop_lane(ty);
        let value = self.builder.ins().splat(ty, lane);
        self.push(value);
    }

    /// Pops a scalar as a lane of a vector of this type; narrow lanes come as i32.
    fn pop_lane(&mut self, ty: Type) -> Value {
        let value = self.pop();
        match ty.lane_type() {
            lane @ (I8 | I16) => self.builder.ins().ireduce(lane, value),
            _ => value,
        }
    }

    /// Narrow lanes are extended to i32.
    fn extract(&mut self, ty: Type, lane: u8, extend: Opcode) {
        let x = self.pop_vector(ty);
        let value = self.builder.ins().extractlane(x, lane);
        self.push_unary(extend, I32, value);
    }

    fn extract_whole(&mut self, ty: Type, lane: u8) {
        let x = self.pop_vector(ty);
        let value = self.builder.ins().extractlane(x, lane);
        self.push(value);
    }

    fn replace(&mut self, ty: Type, lane: u8) {
        let value = self.pop_lane(ty);
        let x = self.pop_vector(ty);
        let value = self.builder.ins().insertlane(x, value, lane);
        self.push(value);
    }
}

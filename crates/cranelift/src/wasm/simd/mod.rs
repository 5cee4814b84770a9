//! 128-bit vectors: arithmetic, comparisons and logic.
//!
//! Lanes are in `simd/lane.rs`, conversions between lane types in `simd/convert.rs`, loads and
//! stores in `simd/memory.rs`, relaxed SIMD in `simd/relaxed.rs`. Most operators are one CLIF instruction over vectors of a lane
//! type; tables below say which.

mod convert;
mod lane;
mod memory;
mod relaxed;

use super::function::FuncTranslator;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32, I32X4, I64X2};
use cranelift_codegen::ir::{ConstantData, InstBuilder, Opcode, Type, Value};
use threadline_environ::Result;
use wasmparser::Operator;

impl FuncTranslator<'_, '_> {
    pub(super) fn simd_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        Ok(self.vector_memory_operator(operator)?
            || self.lane_operator(operator)
            || self.vector_arithmetic(operator)
            || self.vector_comparison(operator)
            || self.vector_logic(operator)
            || self.vector_conversion(operator)
            || self.relaxed_operator(operator))
    }

    /// A constant, lane 0 first.
    pub(super) fn v128_constant(&mut self, bytes: &[u8; 16]) -> Value {
        self.v128_constant_as(I8X16, bytes)
    }

    fn v128_constant_as(&mut self, ty: Type, bytes: &[u8; 16]) -> Value {
        let data = ConstantData::from(&bytes[..]);
        let constant = self.builder.func.dfg.constants.insert(data);
        self.builder.ins().vconst(ty, constant)
    }

    fn vector_arithmetic(&mut self, operator: &Operator<'_>) -> bool {
        if let Some((ty, opcode)) = int_binary(operator).or_else(|| float_binary(operator)) {
            let (x, y) = self.pop2_vectors(ty);
            self.push_binary(opcode, x, y);
        } else if let Some((ty, opcode)) = unary(operator) {
            let x = self.pop_vector(ty);
            self.push_unary(opcode, ty, x);
        } else if let Some((ty, opcode)) = shift(operator) {
            // The count is an i32, taken modulo the lane's width.
            let count = self.pop();
            let x = self.pop_vector(ty);
            self.push_binary(opcode, x, count);
        } else if let Some((ty, condition)) = pseudo_minmax(operator) {
            self.pseudo_minmax(ty, condition);
        } else {
            return false;
        }
        true
    }

    /// `pmin` and `pmax`: the second operand if it compares so with the first, else the first.
    fn pseudo_minmax(&mut self, ty: Type, condition: FloatCC) {
        let (x, y) = self.pop2_vectors(ty);
        let chosen = self.builder.ins().fcmp(condition, y, x);
        let chosen = self.cast_vector(ty, chosen);
        let value = self.builder.ins().bitselect(chosen, y, x);
        self.push(value);
    }

    fn vector_comparison(&mut self, operator: &Operator<'_>) -> bool {
        let result = if let Some((ty, condition)) = int_comparison(operator) {
            let (x, y) = self.pop2_vectors(ty);
            self.builder.ins().icmp(condition, x, y)
        } else if let Some((ty, condition)) = float_comparison(operator) {
            let (x, y) = self.pop2_vectors(ty);
            self.builder.ins().fcmp(condition, x, y)
        } else {
            return false;
        };
        self.push(result);
        true
    }

    fn vector_logic(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::V128Not => self.unary_i8x16(Opcode::Bnot),
            Operator::V128And => self.binary_i8x16(Opcode::Band),
            Operator::V128AndNot => self.and_not(),
            Operator::V128Or => self.binary_i8x16(Opcode::Bor),
            Operator::V128Xor => self.binary_i8x16(Opcode::Bxor),
            Operator::V128Bitselect => self.bitselect(),
            Operator::V128AnyTrue => self.any_true(),
            Operator::I8x16AllTrue => self.all_true(I8X16),
            Operator::I16x8AllTrue => self.all_true(I16X8),
            Operator::I32x4AllTrue => self.all_true(I32X4),
            Operator::I64x2AllTrue => self.all_true(I64X2),
            Operator::I8x16Bitmask => self.bitmask(I8X16),
            Operator::I16x8Bitmask => self.bitmask(I16X8),
            Operator::I32x4Bitmask => self.bitmask(I32X4),
            Operator::I64x2Bitmask => self.bitmask(I64X2),
            _ => return false,
        }
        true
    }

    fn unary_i8x16(&mut self, opcode: Opcode) {
        let x = self.pop_vector(I8X16);
        self.push_unary(opcode, I8X16, x);
    }

    fn binary_i8x16(&mut self, opcode: Opcode) {
        let (x, y) = self.pop2_vectors(I8X16);
        self.push_binary(opcode, x, y);
    }

    fn and_not(&mut self) {
        let (x, y) = self.pop2_vectors(I8X16);
        let value = self.builder.ins().band_not(x, y);
        self.push(value);
    }

    /// The mask comes last; it takes bits of the first operand where it is 1.
    fn bitselect(&mut self) {
        let mask = self.pop_vector(I8X16);
        let (x, y) = self.pop2_vectors(I8X16);
        let value = self.builder.ins().bitselect(mask, x, y);
        self.push(value);
    }

    fn any_true(&mut self) {
        let x = self.pop_vector(I8X16);
        let any = self.builder.ins().vany_true(x);
        self.push_bool(any);
    }

    fn all_true(&mut self, ty: Type) {
        let x = self.pop_vector(ty);
        let all = self.builder.ins().vall_true(x);
        self.push_bool(all);
    }

    fn bitmask(&mut self, ty: Type) {
        let x = self.pop_vector(ty);
        let mask = self.builder.ins().vhigh_bits(I32, x);
        self.push(mask);
    }
}

fn int_binary(operator: &Operator<'_>) -> Option<(Type, Opcode)> {
    Some(match operator {
        Operator::I8x16Add => (I8X16, Opcode::Iadd),
        Operator::I16x8Add => (I16X8, Opcode::Iadd),
        Operator::I32x4Add => (I32X4, Opcode::Iadd),
        Operator::I64x2Add => (I64X2, Opcode::Iadd),
        Operator::I8x16Sub => (I8X16, Opcode::Isub),
        Operator::I16x8Sub => (I16X8, Opcode::Isub),
        Operator::I32x4Sub => (I32X4, Opcode::Isub),
        Operator::I64x2Sub => (I64X2, Opcode::Isub),
        Operator::I16x8Mul => (I16X8, Opcode::Imul),
        Operator::I32x4Mul => (I32X4, Opcode::Imul),
        Operator::I64x2Mul => (I64X2, Opcode::Imul),
        Operator::I8x16AddSatS => (I8X16, Opcode::SaddSat),
        Operator::I16x8AddSatS => (I16X8, Opcode::SaddSat),
        Operator::I8x16AddSatU => (I8X16, Opcode::UaddSat),
        Operator::I16x8AddSatU => (I16X8, Opcode::UaddSat),
        Operator::I8x16SubSatS => (I8X16, Opcode::SsubSat),
        Operator::I16x8SubSatS => (I16X8, Opcode::SsubSat),
        Operator::I8x16SubSatU => (I8X16, Opcode::UsubSat),
        Operator::I16x8SubSatU => (I16X8, Opcode::UsubSat),
        Operator::I8x16MinS => (I8X16, Opcode::Smin),
        Operator::I16x8MinS => (I16X8, Opcode::Smin),
        Operator::I32x4MinS => (I32X4, Opcode::Smin),
        Operator::I8x16MinU => (I8X16, Opcode::Umin),
        Operator::I16x8MinU => (I16X8, Opcode::Umin),
        Operator::I32x4MinU => (I32X4, Opcode::Umin),
        Operator::I8x16MaxS => (I8X16, Opcode::Smax),
        Operator::I16x8MaxS => (I16X8, Opcode::Smax),
        Operator::I32x4MaxS => (I32X4, Opcode::Smax),
        Operator::I8x16MaxU => (I8X16, Opcode::Umax),
        Operator::I16x8MaxU => (I16X8, Opcode::Umax),
        Operator::I32x4MaxU => (I32X4, Opcode::Umax),
        Operator::I8x16AvgrU => (I8X16, Opcode::AvgRound),
        Operator::I16x8AvgrU => (I16X8, Opcode::AvgRound),
        Operator::I16x8Q15MulrSatS => (I16X8, Opcode::SqmulRoundSat),
        _ => return None,
    })
}

fn float_binary(operator: &Operator<'_>) -> Option<(Type, Opcode)> {
    Some(match operator {
        Operator::F32x4Add => (F32X4, Opcode::Fadd),
        Operator::F64x2Add => (F64X2, Opcode::Fadd),
        Operator::F32x4Sub => (F32X4, Opcode::Fsub),
        Operator::F64x2Sub => (F64X2, Opcode::Fsub),
        Operator::F32x4Mul => (F32X4, Opcode::Fmul),
        Operator::F64x2Mul => (F64X2, Opcode::Fmul),
        Operator::F32x4Div => (F32X4, Opcode::Fdiv),
        Operator::F64x2Div => (F64X2, Opcode::Fdiv),
        Operator::F32x4Min => (F32X4, Opcode::Fmin),
        Operator::F64x2Min => (F64X2, Opcode::Fmin),
        Operator::F32x4Max => (F32X4, Opcode::Fmax),
        Operator::F64x2Max => (F64X2, Opcode::Fmax),
        _ => return None,
    })
}

fn unary(operator: &Operator<'_>) -> Option<(Type, Opcode)> {
    Some(match operator {
        Operator::I8x16Abs => (I8X16, Opcode::Iabs),
        Operator::I16x8Abs => (I16X8, Opcode::Iabs),
        Operator::I32x4Abs => (I32X4, Opcode::Iabs),
        Operator::I64x2Abs => (I64X2, Opcode::Iabs),
        Operator::I8x16Neg => (I8X16, Opcode::Ineg),
        Operator::I16x8Neg => (I16X8, Opcode::Ineg),
        Operator::I32x4Neg => (I32X4, Opcode::Ineg),
        Operator::I64x2Neg => (I64X2, Opcode::Ineg),
        Operator::I8x16Popcnt => (I8X16, Opcode::Popcnt),
        Operator::F32x4Abs => (F32X4, Opcode::Fabs),
        Operator::F64x2Abs => (F64X2, Opcode::Fabs),
        Operator::F32x4Neg => (F32X4, Opcode::Fneg),
        Operator::F64x2Neg => (F64X2, Opcode::Fneg),
        Operator::F32x4Sqrt => (F32X4, Opcode::Sqrt),
        Operator::F64x2Sqrt => (F64X2, Opcode::Sqrt),
        Operator::F32x4Ceil => (F32X4, Opcode::Ceil),
        Operator::F64x2Ceil => (F64X2, Opcode::Ceil),
        Operator::F32x4Floor => (F32X4, Opcode::Floor),
        Operator::F64x2Floor => (F64X2, Opcode::Floor),
        Operator::F32x4Trunc => (F32X4, Opcode::Trunc),
        Operator::F64x2Trunc => (F64X2, Opcode::Trunc),
        Operator::F32x4Nearest => (F32X4, Opcode::Nearest),
        Operator::F64x2Nearest => (F64X2, Opcode::Nearest),
        _ => return None,
    })
}

fn shift(operator: &Operator<'_>) -> Option<(Type, Opcode)> {
    Some(match operator {
        Operator::I8x16Shl => (I8X16, Opcode::Ishl),
        Operator::I16x8Shl => (I16X8, Opcode::Ishl),
        Operator::I32x4Shl => (I32X4, Opcode::Ishl),
        Operator::I64x2Shl => (I64X2, Opcode::Ishl),
        Operator::I8x16ShrS => (I8X16, Opcode::Sshr),
        Operator::I16x8ShrS => (I16X8, Opcode::Sshr),
        Operator::I32x4ShrS => (I32X4, Opcode::Sshr),
        Operator::I64x2ShrS => (I64X2, Opcode::Sshr),
        Operator::I8x16ShrU => (I8X16, Opcode::Ushr),
        Operator::I16x8ShrU => (I16X8, Opcode::Ushr),
        Operator::I32x4ShrU => (I32X4, Opcode::Ushr),
        Operator::I64x2ShrU => (I64X2, Opcode::Ushr),
        _ => return None,
    })
}

fn pseudo_minmax(operator: &Operator<'_>) -> Option<(Type, FloatCC)> {
    Some(match operator {
        Operator::F32x4PMin => (F32X4, FloatCC::LessThan),
        Operator::F64x2PMin => (F64X2, FloatCC::LessThan),
        Operator::F32x4PMax => (F32X4, FloatCC::GreaterThan),
        Operator::F64x2PMax => (F64X2, FloatCC::GreaterThan),
        _ => return None,
    })
}

fn int_comparison(operator: &Operator<'_>) -> Option<(Type, IntCC)> {
    Some(match operator {
        Operator::I8x16Eq => (I8X16, IntCC::Equal),
        Operator::I16x8Eq => (I16X8, IntCC::Equal),
        Operator::I32x4Eq => (I32X4, IntCC::Equal),
        Operator::I64x2Eq => (I64X2, IntCC::Equal),
        Operator::I8x16Ne => (I8X16, IntCC::NotEqual),
        Operator::I16x8Ne => (I16X8, IntCC::NotEqual),
        Operator::I32x4Ne => (I32X4, IntCC::NotEqual),
        Operator::I64x2Ne => (I64X2, IntCC::NotEqual),
        Operator::I8x16LtS => (I8X16, IntCC::SignedLessThan),
        Operator::I16x8LtS => (I16X8, IntCC::SignedLessThan),
        Operator::I32x4LtS => (I32X4, IntCC::SignedLessThan),
        Operator::I64x2LtS => (I64X2, IntCC::SignedLessThan),
        Operator::I8x16LtU => (I8X16, IntCC::UnsignedLessThan),
        Operator::I16x8LtU => (I16X8, IntCC::UnsignedLessThan),
        Operator::I32x4LtU => (I32X4, IntCC::UnsignedLessThan),
        Operator::I8x16GtS => (I8X16, IntCC::SignedGreaterThan),
        Operator::I16x8GtS => (I16X8, IntCC::SignedGreaterThan),
        Operator::I32x4GtS => (I32X4, IntCC::SignedGreaterThan),
        Operator::I64x2GtS => (I64X2, IntCC::SignedGreaterThan),
        Operator::I8x16GtU => (I8X16, IntCC::UnsignedGreaterThan),
        Operator::I16x8GtU => (I16X8, IntCC::UnsignedGreaterThan),
        Operator::I32x4GtU => (I32X4, IntCC::UnsignedGreaterThan),
        Operator::I8x16LeS => (I8X16, IntCC::SignedLessThanOrEqual),
        Operator::I16x8LeS => (I16X8, IntCC::SignedLessThanOrEqual),
        Operator::I32x4LeS => (I32X4, IntCC::SignedLessThanOrEqual),
        Operator::I64x2LeS => (I64X2, IntCC::SignedLessThanOrEqual),
        Operator::I8x16LeU => (I8X16, IntCC::UnsignedLessThanOrEqual),
        Operator::I16x8LeU => (I16X8, IntCC::UnsignedLessThanOrEqual),
        Operator::I32x4LeU => (I32X4, IntCC::UnsignedLessThanOrEqual),
        Operator::I8x16GeS => (I8X16, IntCC::SignedGreaterThanOrEqual),
        Operator::I16x8GeS => (I16X8, IntCC::SignedGreaterThanOrEqual),
        Operator::I32x4GeS => (I32X4, IntCC::SignedGreaterThanOrEqual),
        Operator::I64x2GeS => (I64X2, IntCC::SignedGreaterThanOrEqual),
        Operator::I8x16GeU => (I8X16, IntCC::UnsignedGreaterThanOrEqual),
        Operator::I16x8GeU => (I16X8, IntCC::UnsignedGreaterThanOrEqual),
        Operator::I32x4GeU => (I32X4, IntCC::UnsignedGreaterThanOrEqual),
        _ => return None,
    })
}

fn float_comparison(operator: &Operator<'_>) -> Option<(Type, FloatCC)> {
    Some(match operator {
        Operator::F32x4Eq => (F32X4, FloatCC::Equal),
        Operator::F64x2Eq => (F64X2, FloatCC::Equal),
        Operator::F32x4Ne => (F32X4, FloatCC::NotEqual),
        Operator::F64x2Ne => (F64X2, FloatCC::NotEqual),
        Operator::F32x4Lt => (F32X4, FloatCC::LessThan),
        Operator::F64x2Lt => (F64X2, FloatCC::LessThan),
        Operator::F32x4Gt => (F32X4, FloatCC::GreaterThan),
        Operator::F64x2Gt => (F64X2, FloatCC::GreaterThan),
        Operator::F32x4Le => (F32X4, FloatCC::LessThanOrEqual),
        Operator::F64x2Le => (F64X2, FloatCC::LessThanOrEqual),
        Operator::F32x4Ge => (F32X4, FloatCC::GreaterThanOrEqual),
        Operator::F64x2Ge => (F64X2, FloatCC::GreaterThanOrEqual),
        _ => return None,
    })
}

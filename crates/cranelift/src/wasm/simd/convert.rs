//! Conversions between lane types, and the products and sums that widen their operands.

use super::super::function::FuncTranslator;
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value};
use wasmparser::Operator;

/// How one half of a vector's lanes is widened.
type Widen = Opcode;

impl FuncTranslator<'_, '_> {
    pub(super) fn vector_conversion(&mut self, operator: &Operator<'_>) -> bool {
        if let Some((ty, widen)) = extend(operator) {
            let x = self.pop_vector(ty);
            let wide = self.widen_lanes(widen, x);
            self.push(wide);
        } else if let Some((ty, widen)) = extended_multiply(operator) {
            self.extended_multiply(ty, widen);
        } else if let Some((ty, opcode)) = narrow(operator) {
            let (x, y) = self.pop2_vectors(ty);
            self.push_narrowed(opcode, x, y);
        } else {
            return self.other_conversion(operator);
        }
        true
    }

    fn other_conversion(&mut self, operator: &Operator<'_>) -> bool {
        use Opcode::{FcvtFromSint, FcvtFromUint, FcvtToSintSat, FcvtToUintSat};
        use Opcode::{Snarrow, SwidenHigh, SwidenLow, Uunarrow, UwidenHigh, UwidenLow};
        match operator {
            Operator::I16x8ExtAddPairwiseI8x16S => {
                self.add_pairwise(I8X16, SwidenLow, SwidenHigh);
            }
            Operator::I16x8ExtAddPairwiseI8x16U => {
                self.add_pairwise(I8X16, UwidenLow, UwidenHigh);
            }
            Operator::I32x4ExtAddPairwiseI16x8S => {
                self.add_pairwise(I16X8, SwidenLow, SwidenHigh);
            }
            Operator::I32x4ExtAddPairwiseI16x8U => {
                self.add_pairwise(I16X8, UwidenLow, UwidenHigh);
            }
            Operator::I32x4DotI16x8S => self.dot(),
            Operator::I32x4TruncSatF32x4S => self.convert(F32X4, FcvtToSintSat, I32X4),
            Operator::I32x4TruncSatF32x4U => self.convert(F32X4, FcvtToUintSat, I32X4),
            Operator::F32x4ConvertI32x4S => self.convert(I32X4, FcvtFromSint, F32X4),
            Operator::F32x4ConvertI32x4U => self.convert(I32X4, FcvtFromUint, F32X4),
            Operator::I32x4TruncSatF64x2SZero => self.truncate_zero(FcvtToSintSat, Snarrow),
            Operator::I32x4TruncSatF64x2UZero => self.truncate_zero(FcvtToUintSat, Uunarrow),
            Operator::F64x2ConvertLowI32x4S => self.convert_low(SwidenLow, FcvtFromSint),
            Operator::F64x2ConvertLowI32x4U => self.convert_low(UwidenLow, FcvtFromUint),
            Operator::F32x4DemoteF64x2Zero => self.demote(),
            Operator::F64x2PromoteLowF32x4 => self.promote_low(),
            _ => return false,
        }
        true
    }

    /// One half of the lanes, each twice as wide.
    fn widen_lanes(&mut self, widen: Widen, x: Value) -> Value {
        let ins = self.builder.ins();
        match widen {
            Opcode::SwidenLow => ins.swiden_low(x),
            Opcode::SwidenHigh => ins.swiden_high(x),
            Opcode::UwidenLow => ins.uwiden_low(x),
            _ => ins.uwiden_high(x),
        }
    }

    fn extended_multiply(&mut self, ty: Type, widen: Widen) {
        let (x, y) = self.pop2_vectors(ty);
        let (x, y) = (self.widen_lanes(widen, x), self.widen_lanes(widen, y));
        self.push_binary(Opcode::Imul, x, y);
    }

    fn add_pairwise(&mut self, ty: Type, low: Widen, high: Widen) {
        let x = self.pop_vector(ty);
        let (low, high) = (self.widen_lanes(low, x), self.widen_lanes(high, x));
        self.push_binary(Opcode::IaddPairwise, low, high);
    }

    fn dot(&mut self) {
        let (x, y) = self.pop2_vectors(I16X8);
        let product = |this: &mut Self, widen| {
            let (x, y) = (this.widen_lanes(widen, x), this.widen_lanes(widen, y));
            this.builder.ins().imul(x, y)
        };
        let low = product(self, Opcode::SwidenLow);
        let high = product(self, Opcode::SwidenHigh);
        self.push_binary(Opcode::IaddPairwise, low, high);
    }

    /// Narrowing saturates.
    fn push_narrowed(&mut self, opcode: Opcode, x: Value, y: Value) {
        let ins = self.builder.ins();
        let value = match opcode {
            Opcode::Snarrow => ins.snarrow(x, y),
            Opcode::Unarrow => ins.unarrow(x, y),
            _ => ins.uunarrow(x, y),
        };
        self.push(value);
    }

    pub(super) fn convert(&mut self, from: Type, opcode: Opcode, to: Type) {
        let x = self.pop_vector(from);
        self.push_unary(opcode, to, x);
    }

    /// Back ends know this sequence as one conversion to 32-bit lanes, the upper ones zero.
    pub(super) fn truncate_zero(&mut self, opcode: Opcode, narrow: Opcode) {
        self.convert(F64X2, opcode, I64X2);
        let wide = self.pop();
        let zero = self.v128_constant_as(I64X2, &[0; 16]);
        self.push_narrowed(narrow, wide, zero);
    }

    fn convert_low(&mut self, widen: Widen, opcode: Opcode) {
        let x = self.pop_vector(I32X4);
        let wide = self.widen_lanes(widen, x);
        self.push_unary(opcode, F64X2, wide);
    }

    fn demote(&mut self) {
        let x = self.pop_vector(F64X2);
        let value = self.builder.ins().fvdemote(x);
        self.push(value);
    }

    fn promote_low(&mut self) {
        let x = self.pop_vector(F32X4);
        let value = self.builder.ins().fvpromote_low(x);
        self.push(value);
    }
}

/// The operand's type and the instruction.
fn extend(operator: &Operator<'_>) -> Option<(Type, Widen)> {
    use Opcode::{SwidenHigh, SwidenLow, UwidenHigh, UwidenLow};
    Some(match operator {
        Operator::I16x8ExtendLowI8x16S => (I8X16, SwidenLow),
        Operator::I16x8ExtendHighI8x16S => (I8X16, SwidenHigh),
        Operator::I16x8ExtendLowI8x16U => (I8X16, UwidenLow),
        Operator::I16x8ExtendHighI8x16U => (I8X16, UwidenHigh),
        Operator::I32x4ExtendLowI16x8S => (I16X8, SwidenLow),
        Operator::I32x4ExtendHighI16x8S => (I16X8, SwidenHigh),
        Operator::I32x4ExtendLowI16x8U => (I16X8, UwidenLow),
        Operator::I32x4ExtendHighI16x8U => (I16X8, UwidenHigh),
        Operator::I64x2ExtendLowI32x4S => (I32X4, SwidenLow),
        Operator::I64x2ExtendHighI32x4S => (I32X4, SwidenHigh),
        Operator::I64x2ExtendLowI32x4U => (I32X4, UwidenLow),
        Operator::I64x2ExtendHighI32x4U => (I32X4, UwidenHigh),
        _ => return None,
    })
}

/// The operands' type and how they are widened.
fn extended_multiply(operator: &Operator<'_>) -> Option<(Type, Widen)> {
    use Opcode::{SwidenHigh, SwidenLow, UwidenHigh, UwidenLow};
    Some(match operator {
        Operator::I16x8ExtMulLowI8x16S => (I8X16, SwidenLow),
        Operator::I16x8ExtMulHighI8x16S => (I8X16, SwidenHigh),
        Operator::I16x8ExtMulLowI8x16U => (I8X16, UwidenLow),
        Operator::I16x8ExtMulHighI8x16U => (I8X16, UwidenHigh),
        Operator::I32x4ExtMulLowI16x8S => (I16X8, SwidenLow),
        Operator::I32x4ExtMulHighI16x8S => (I16X8, SwidenHigh),
        Operator::I32x4ExtMulLowI16x8U => (I16X8, UwidenLow),
        Operator::I32x4ExtMulHighI16x8U => (I16X8, UwidenHigh),
        Operator::I64x2ExtMulLowI32x4S => (I32X4, SwidenLow),
        Operator::I64x2ExtMulHighI32x4S => (I32X4, SwidenHigh),
        Operator::I64x2ExtMulLowI32x4U => (I32X4, UwidenLow),
        Operator::I64x2ExtMulHighI32x4U => (I32X4, UwidenHigh),
        _ => return None,
    })
}

/// The operands' type and the instruction.
fn narrow(operator: &Operator<'_>) -> Option<(Type, Opcode)> {
    Some(match operator {
        Operator::I8x16NarrowI16x8S => (I16X8, Opcode::Snarrow),
        Operator::I8x16NarrowI16x8U => (I16X8, Opcode::Unarrow),
        Operator::I16x8NarrowI32x4S => (I32X4, Opcode::Snarrow),
        Operator::I16x8NarrowI32x4U => (I32X4, Opcode::Unarrow),
        _ => return None,
    })
}

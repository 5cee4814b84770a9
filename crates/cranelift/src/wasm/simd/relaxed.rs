//! Relaxed SIMD: operators whose results the specification leaves open at their edges.
//!
//! There are two ways to compile each: what is fastest on the target, or, with
//! `Tunables::relaxed_simd_deterministic`, what the specification's deterministic profile says.
//! Where the second is as fast, it is the only one.

use super::super::function::FuncTranslator;
use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value};
use target_lexicon::Architecture;
use wasmparser::Operator;

impl FuncTranslator<'_, '_> {
    pub(super) fn relaxed_operator(&mut self, operator: &Operator<'_>) -> bool {
        use Opcode::{Fmax, Fmin};
        match operator {
            Operator::I8x16RelaxedSwizzle => self.relaxed_swizzle(),
            Operator::I32x4RelaxedTruncF32x4S => self.relaxed_truncate(),
            Operator::I32x4RelaxedTruncF32x4U => {
                self.convert(F32X4, Opcode::FcvtToUintSat, I32X4);
            }
            Operator::I32x4RelaxedTruncF64x2SZero => self.relaxed_truncate_zero(),
            Operator::I32x4RelaxedTruncF64x2UZero => {
                self.truncate_zero(Opcode::FcvtToUintSat, Opcode::Uunarrow);
            }
            Operator::F32x4RelaxedMadd => self.multiply_add(F32X4),
            Operator::F64x2RelaxedMadd => self.multiply_add(F64X2),
            Operator::F32x4RelaxedNmadd => self.negated_multiply_add(F32X4),
            Operator::F64x2RelaxedNmadd => self.negated_multiply_add(F64X2),
            Operator::I8x16RelaxedLaneselect => self.lane_select(I8X16),
            Operator::I16x8RelaxedLaneselect => self.lane_select(I16X8),
            Operator::I32x4RelaxedLaneselect => self.lane_select(I32X4),
            Operator::I64x2RelaxedLaneselect => self.lane_select(I64X2),
            Operator::F32x4RelaxedMin => self.relaxed_minmax(F32X4, Fmin, FloatCC::LessThan),
            Operator::F32x4RelaxedMax => self.relaxed_minmax(F32X4, Fmax, FloatCC::GreaterThan),
            Operator::F64x2RelaxedMin => self.relaxed_minmax(F64X2, Fmin, FloatCC::LessThan),
            Operator::F64x2RelaxedMax => self.relaxed_minmax(F64X2, Fmax, FloatCC::GreaterThan),
            Operator::I16x8RelaxedQ15mulrS => self.relaxed_q15_multiply(),
            Operator::I16x8RelaxedDotI8x16I7x16S => self.relaxed_dot(),
            Operator::I32x4RelaxedDotI8x16I7x16AddS => self.relaxed_dot_add(),
            _ => return false,
        }
        true
    }

    /// Lane numbers above 15 give 0; `pshufb` looks at their low bits if the top one is clear.
    fn relaxed_swizzle(&mut self) {
        let (x, lanes) = self.pop2_vectors(I8X16);
        let value = if self.as_x86_does() {
            self.builder.ins().x86_pshufb(x, lanes)
        } else {
            self.builder.ins().swizzle(x, lanes)
        };
        self.push(value);
    }

    /// NaNs give 0 and other numbers saturate; `cvttps2dq` gives the smallest integer for all
    /// that don't fit.
    fn relaxed_truncate(&mut self) {
        let opcode = self.relaxed_truncation();
        self.convert(F32X4, opcode, I32X4);
    }

    fn relaxed_truncate_zero(&mut self) {
        let opcode = self.relaxed_truncation();
        self.truncate_zero(opcode, Opcode::Snarrow);
    }

    fn relaxed_truncation(&self) -> Opcode {
        if self.as_x86_does() {
            Opcode::X86Cvtt2dq
        } else {
            Opcode::FcvtToSintSat
        }
    }

    fn multiply_add(&mut self, ty: Type) {
        let z = self.pop_vector(ty);
        let (x, y) = self.pop2_vectors(ty);
        self.push_sum_of_product(x, y, z);
    }

    fn negated_multiply_add(&mut self, ty: Type) {
        let z = self.pop_vector(ty);
        let (x, y) = self.pop2_vectors(ty);
        let x = self.builder.ins().fneg(x);
        self.push_sum_of_product(x, y, z);
    }

    /// The deterministic profile rounds the product; a fused operation rounds once.
    fn push_sum_of_product(&mut self, x: Value, y: Value, z: Value) {
        let value = if self.fuses_multiply_add() {
            self.builder.ins().fma(x, y, z)
        } else {
            let product = self.builder.ins().fmul(x, y);
            self.builder.ins().fadd(product, z)
        };
        self.push(value);
    }

    /// The mask comes last. Lanes of it are all ones or all zeros; of others `blendv` looks at
    /// the top bit, where `v128.bitselect` takes each bit. There is no `blendv` for 16-bit lanes.
    fn lane_select(&mut self, ty: Type) {
        let mask = self.pop_vector(ty);
        let (x, y) = self.pop2_vectors(ty);
        let value = if self.as_x86_does() && ty != I16X8 {
            self.builder.ins().blendv(mask, x, y)
        } else {
            self.builder.ins().bitselect(mask, x, y)
        };
        self.push(value);
    }

    /// `minps` and its like give the second operand for NaNs and for two zeros.
    fn relaxed_minmax(&mut self, ty: Type, opcode: Opcode, condition: FloatCC) {
        if self.as_x86_does() {
            return self.pseudo_minmax(ty, condition);
        }
        let (x, y) = self.pop2_vectors(ty);
        self.push_binary(opcode, x, y);
    }

    /// They differ in the product of the two smallest numbers: `pmulhrsw` wraps around.
    fn relaxed_q15_multiply(&mut self) {
        let (x, y) = self.pop2_vectors(I16X8);
        let value = if self.as_x86_does() {
            self.builder.ins().x86_pmulhrsw(x, y)
        } else {
            self.builder.ins().sqmul_round_sat(x, y)
        };
        self.push(value);
    }

    fn relaxed_dot(&mut self) {
        let (x, y) = self.pop2_vectors(I8X16);
        let value = self.dot_of_bytes(x, y);
        self.push(value);
    }

    fn relaxed_dot_add(&mut self) {
        let z = self.pop_vector(I32X4);
        let (x, y) = self.pop2_vectors(I8X16);
        let dot = self.dot_of_bytes(x, y);
        let low = self.builder.ins().swiden_low(dot);
        let high = self.builder.ins().swiden_high(dot);
        let sums = self.builder.ins().iadd_pairwise(low, high);
        self.push_binary(Opcode::Iadd, sums, z);
    }

    /// Sums of two neighbouring products. The second operand's bytes have seven bits;
    /// `pmaddubsw` takes an eighth for no sign, and saturates.
    fn dot_of_bytes(&mut self, x: Value, y: Value) -> Value {
        if self.as_x86_does() {
            return self.builder.ins().x86_pmaddubsw(x, y);
        }
        let (x_low, y_low) = (
            self.builder.ins().swiden_low(x),
            self.builder.ins().swiden_low(y),
        );
        let (x_high, y_high) = (
            self.builder.ins().swiden_high(x),
            self.builder.ins().swiden_high(y),
        );
        let low = self.builder.ins().imul(x_low, y_low);
        let high = self.builder.ins().imul(x_high, y_high);
        self.builder.ins().iadd_pairwise(low, high)
    }

    /// Whether to use an x86 instruction as it is. All x86 that we generate code for have those
    /// of SSSE3 and SSE 4.1.
    fn as_x86_does(&self) -> bool {
        let architecture = self.env.isa.triple().architecture;
        !self.env.tunables.relaxed_simd_deterministic && architecture == Architecture::X86_64
    }

    /// Without an instruction for it, a fused operation is a slow call.
    fn fuses_multiply_add(&self) -> bool {
        if self.env.tunables.relaxed_simd_deterministic {
            return false;
        }
        match self.env.isa.triple().architecture {
            Architecture::X86_64 => {
                let mut flags = self.env.isa.isa_flags().into_iter();
                flags.any(|flag| flag.name == "has_fma" && flag.as_bool() == Some(true))
            }
            _ => true,
        }
    }
}

//! Scalar constants, arithmetic, comparisons and conversions.
//!
//! CLIF's instructions have wasm's semantics here: shift counts are taken modulo the width,
//! division traps as it should (and `srem` by −1 is 0), `fmin` and `fmax` propagate NaNs and
//! order zeros, `fcvt_to_*int` trap with the two codes wasm tells apart.

use super::function::FuncTranslator;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Opcode, Type, types};
use wasmparser::Operator;

impl FuncTranslator<'_, '_> {
    pub(super) fn numeric_operator(&mut self, operator: &Operator<'_>) -> bool {
        if self.constant_operator(operator) {
            return true;
        }
        if let Some(opcode) = binary_opcode(operator) {
            let (x, y) = self.pop2();
            self.push_binary(opcode, x, y);
        } else if let Some(condition) = int_comparison(operator) {
            let (x, y) = self.pop2();
            let holds = self.builder.ins().icmp(condition, x, y);
            self.push_bool(holds);
        } else if let Some(condition) = float_comparison(operator) {
            let (x, y) = self.pop2();
            let holds = self.builder.ins().fcmp(condition, x, y);
            self.push_bool(holds);
        } else if let Some(opcode) = unary_opcode(operator) {
            let x = self.pop();
            let ty = self.builder.func.dfg.value_type(x);
            self.push_unary(opcode, ty, x);
        } else if let Some((opcode, to)) = conversion(operator) {
            let x = self.pop();
            self.push_unary(opcode, to, x);
        } else {
            return self.bit_operator(operator);
        }
        true
    }

    fn constant_operator(&mut self, operator: &Operator<'_>) -> bool {
        let ins = self.builder.ins();
        let value = match *operator {
            Operator::I32Const { value } => ins.iconst(types::I32, i64::from(value)),
            Operator::I64Const { value } => ins.iconst(types::I64, value),
            Operator::F32Const { value } => ins.f32const(Ieee32::with_bits(value.bits())),
            Operator::F64Const { value } => ins.f64const(Ieee64::with_bits(value.bits())),
            _ => return false,
        };
        self.push(value);
        true
    }

    /// Operators that are more than one instruction, or one of a shape of its own.
    fn bit_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::I32Eqz => self.eqz(types::I32),
            Operator::I64Eqz => self.eqz(types::I64),
            Operator::I32Extend8S => self.sign_extend(types::I8, types::I32),
            Operator::I32Extend16S => self.sign_extend(types::I16, types::I32),
            Operator::I64Extend8S => self.sign_extend(types::I8, types::I64),
            Operator::I64Extend16S => self.sign_extend(types::I16, types::I64),
            Operator::I64Extend32S => self.sign_extend(types::I32, types::I64),
            Operator::I32ReinterpretF32 => self.reinterpret(types::I32),
            Operator::I64ReinterpretF64 => self.reinterpret(types::I64),
            Operator::F32ReinterpretI32 => self.reinterpret(types::F32),
            Operator::F64ReinterpretI64 => self.reinterpret(types::F64),
            _ => return false,
        }
        true
    }

    fn eqz(&mut self, ty: Type) {
        let x = self.pop();
        let zero = self.builder.ins().iconst(ty, 0);
        let holds = self.builder.ins().icmp(IntCC::Equal, x, zero);
        self.push_bool(holds);
    }

    fn sign_extend(&mut self, from: Type, to: Type) {
        let x = self.pop();
        let low = self.builder.ins().ireduce(from, x);
        let extended = self.builder.ins().sextend(to, low);
        self.push(extended);
    }

    fn reinterpret(&mut self, to: Type) {
        let x = self.pop();
        let bits = self.builder.ins().bitcast(to, MemFlagsData::new(), x);
        self.push(bits);
    }

    /// Pushes the result of a one-operand instruction of this type.
    pub(super) fn push_unary(&mut self, opcode: Opcode, ty: Type, x: cranelift_codegen::ir::Value) {
        let (inst, dfg) = self.builder.ins().Unary(opcode, ty, x);
        let result = dfg.first_result(inst);
        self.push(result);
    }

    /// Pushes the result of a two-operand instruction of the first operand's type.
    pub(super) fn push_binary(
        &mut self,
        opcode: Opcode,
        x: cranelift_codegen::ir::Value,
        y: cranelift_codegen::ir::Value,
    ) {
        let ty = self.builder.func.dfg.value_type(x);
        let (inst, dfg) = self.builder.ins().Binary(opcode, ty, x, y);
        let result = dfg.first_result(inst);
        self.push(result);
    }
}

fn binary_opcode(operator: &Operator<'_>) -> Option<Opcode> {
    Some(match operator {
        Operator::I32Add | Operator::I64Add => Opcode::Iadd,
        Operator::I32Sub | Operator::I64Sub => Opcode::Isub,
        Operator::I32Mul | Operator::I64Mul => Opcode::Imul,
        Operator::I32DivS | Operator::I64DivS => Opcode::Sdiv,
        Operator::I32DivU | Operator::I64DivU => Opcode::Udiv,
        Operator::I32RemS | Operator::I64RemS => Opcode::Srem,
        Operator::I32RemU | Operator::I64RemU => Opcode::Urem,
        Operator::I32And | Operator::I64And => Opcode::Band,
        Operator::I32Or | Operator::I64Or => Opcode::Bor,
        Operator::I32Xor | Operator::I64Xor => Opcode::Bxor,
        Operator::I32Shl | Operator::I64Shl => Opcode::Ishl,
        Operator::I32ShrS | Operator::I64ShrS => Opcode::Sshr,
        Operator::I32ShrU | Operator::I64ShrU => Opcode::Ushr,
        Operator::I32Rotl | Operator::I64Rotl => Opcode::Rotl,
        Operator::I32Rotr | Operator::I64Rotr => Opcode::Rotr,
        Operator::F32Add | Operator::F64Add => Opcode::Fadd,
        Operator::F32Sub | Operator::F64Sub => Opcode::Fsub,
        Operator::F32Mul | Operator::F64Mul => Opcode::Fmul,
        Operator::F32Div | Operator::F64Div => Opcode::Fdiv,
        Operator::F32Min | Operator::F64Min => Opcode::Fmin,
        Operator::F32Max | Operator::F64Max => Opcode::Fmax,
        Operator::F32Copysign | Operator::F64Copysign => Opcode::Fcopysign,
        _ => return None,
    })
}

fn unary_opcode(operator: &Operator<'_>) -> Option<Opcode> {
    Some(match operator {
        Operator::I32Clz | Operator::I64Clz => Opcode::Clz,
        Operator::I32Ctz | Operator::I64Ctz => Opcode::Ctz,
        Operator::I32Popcnt | Operator::I64Popcnt => Opcode::Popcnt,
        Operator::F32Abs | Operator::F64Abs => Opcode::Fabs,
        Operator::F32Neg | Operator::F64Neg => Opcode::Fneg,
        Operator::F32Ceil | Operator::F64Ceil => Opcode::Ceil,
        Operator::F32Floor | Operator::F64Floor => Opcode::Floor,
        Operator::F32Trunc | Operator::F64Trunc => Opcode::Trunc,
        Operator::F32Nearest | Operator::F64Nearest => Opcode::Nearest,
        Operator::F32Sqrt | Operator::F64Sqrt => Opcode::Sqrt,
        _ => return None,
    })
}

fn int_comparison(operator: &Operator<'_>) -> Option<IntCC> {
    Some(match operator {
        Operator::I32Eq | Operator::I64Eq => IntCC::Equal,
        Operator::I32Ne | Operator::I64Ne => IntCC::NotEqual,
        Operator::I32LtS | Operator::I64LtS => IntCC::SignedLessThan,
        Operator::I32LtU | Operator::I64LtU => IntCC::UnsignedLessThan,
        Operator::I32GtS | Operator::I64GtS => IntCC::SignedGreaterThan,
        Operator::I32GtU | Operator::I64GtU => IntCC::UnsignedGreaterThan,
        Operator::I32LeS | Operator::I64LeS => IntCC::SignedLessThanOrEqual,
        Operator::I32LeU | Operator::I64LeU => IntCC::UnsignedLessThanOrEqual,
        Operator::I32GeS | Operator::I64GeS => IntCC::SignedGreaterThanOrEqual,
        Operator::I32GeU | Operator::I64GeU => IntCC::UnsignedGreaterThanOrEqual,
        _ => return None,
    })
}

fn float_comparison(operator: &Operator<'_>) -> Option<FloatCC> {
    Some(match operator {
        Operator::F32Eq | Operator::F64Eq => FloatCC::Equal,
        Operator::F32Ne | Operator::F64Ne => FloatCC::NotEqual,
        Operator::F32Lt | Operator::F64Lt => FloatCC::LessThan,
        Operator::F32Gt | Operator::F64Gt => FloatCC::GreaterThan,
        Operator::F32Le | Operator::F64Le => FloatCC::LessThanOrEqual,
        Operator::F32Ge | Operator::F64Ge => FloatCC::GreaterThanOrEqual,
        _ => return None,
    })
}

/// The instruction and result type of a conversion.
fn conversion(operator: &Operator<'_>) -> Option<(Opcode, Type)> {
    use types::{F32, F64, I32, I64};
    Some(match operator {
        Operator::I32WrapI64 => (Opcode::Ireduce, I32),
        Operator::I64ExtendI32S => (Opcode::Sextend, I64),
        Operator::I64ExtendI32U => (Opcode::Uextend, I64),
        Operator::I32TruncF32S | Operator::I32TruncF64S => (Opcode::FcvtToSint, I32),
        Operator::I32TruncF32U | Operator::I32TruncF64U => (Opcode::FcvtToUint, I32),
        Operator::I64TruncF32S | Operator::I64TruncF64S => (Opcode::FcvtToSint, I64),
        Operator::I64TruncF32U | Operator::I64TruncF64U => (Opcode::FcvtToUint, I64),
        Operator::I32TruncSatF32S | Operator::I32TruncSatF64S => (Opcode::FcvtToSintSat, I32),
        Operator::I32TruncSatF32U | Operator::I32TruncSatF64U => (Opcode::FcvtToUintSat, I32),
        Operator::I64TruncSatF32S | Operator::I64TruncSatF64S => (Opcode::FcvtToSintSat, I64),
        Operator::I64TruncSatF32U | Operator::I64TruncSatF64U => (Opcode::FcvtToUintSat, I64),
        Operator::F32ConvertI32S | Operator::F32ConvertI64S => (Opcode::FcvtFromSint, F32),
        Operator::F32ConvertI32U | Operator::F32ConvertI64U => (Opcode::FcvtFromUint, F32),
        Operator::F64ConvertI32S | Operator::F64ConvertI64S => (Opcode::FcvtFromSint, F64),
        Operator::F64ConvertI32U | Operator::F64ConvertI64U => (Opcode::FcvtFromUint, F64),
        Operator::F32DemoteF64 => (Opcode::Fdemote, F32),
        Operator::F64PromoteF32 => (Opcode::Fpromote, F64),
        _ => return None,
    })
}

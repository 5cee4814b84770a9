//! Arithmetic in 128 bits (the wide-arithmetic proposal). A 128-bit number is two i64s on the
//! operand stack, its low half first.

use super::function::FuncTranslator;
use cranelift_codegen::ir::{InstBuilder, Opcode, Value, types};
use wasmparser::Operator;

impl FuncTranslator<'_, '_> {
    pub(super) fn wide_arithmetic_operator(&mut self, operator: &Operator<'_>) -> bool {
        match operator {
            Operator::I64Add128 => self.binary_128(Opcode::Iadd),
            Operator::I64Sub128 => self.binary_128(Opcode::Isub),
            Operator::I64MulWideS => self.multiply_wide(Opcode::Sextend),
            Operator::I64MulWideU => self.multiply_wide(Opcode::Uextend),
            _ => return false,
        }
        true
    }

    fn binary_128(&mut self, opcode: Opcode) {
        let y = self.pop_128();
        let x = self.pop_128();
        self.push_binary(opcode, x, y);
        self.split_128();
    }

    /// Back ends know a product of extended operands as one multiplication.
    fn multiply_wide(&mut self, extend: Opcode) {
        let (x, y) = self.pop2();
        self.push_unary(extend, types::I128, x);
        self.push_unary(extend, types::I128, y);
        let (x, y) = self.pop2();
        self.push_binary(Opcode::Imul, x, y);
        self.split_128();
    }

    fn pop_128(&mut self) -> Value {
        let (low, high) = self.pop2();
        self.builder.ins().iconcat(low, high)
    }

    /// Replaces the 128-bit value on top by its halves.
    fn split_128(&mut self) {
        let value = self.pop();
        let (low, high) = self.builder.ins().isplit(value);
        self.push(low);
        self.push(high);
    }
}

//! The operand stack.
//!
//! It holds CLIF values. Vectors are on it with the type of the instruction that made them, and
//! are cast when they are popped; where types must agree (blocks, locals, calls, memory) they are
//! cast to `i8x16`. Other values have the one type that stands for their core type.

use super::function::FuncTranslator;
use cranelift_codegen::ir::{BlockArg, Endianness, InstBuilder, MemFlagsData, Type, Value, types};

impl FuncTranslator<'_, '_> {
    pub(super) fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    /// Pops a value. The validator has seen that there is one.
    pub(super) fn pop(&mut self) -> Value {
        self.stack.pop().expect("validated")
    }

    /// Pops two values; the first result is the one that was pushed first.
    pub(super) fn pop2(&mut self) -> (Value, Value) {
        let second = self.pop();
        (self.pop(), second)
    }

    /// Pops three values, in the order they were pushed.
    pub(super) fn pop3(&mut self) -> (Value, Value, Value) {
        let third = self.pop();
        let (first, second) = self.pop2();
        (first, second, third)
    }

    /// Pops a value in the type by which it is passed.
    pub(super) fn pop_passable(&mut self) -> Value {
        let value = self.pop();
        self.passable(value)
    }

    /// Pops a vector as one of this type.
    pub(super) fn pop_vector(&mut self, ty: Type) -> Value {
        let value = self.pop();
        self.cast_vector(ty, value)
    }

    /// Pops two vectors as ones of this type, in the order they were pushed.
    pub(super) fn pop2_vectors(&mut self, ty: Type) -> (Value, Value) {
        let second = self.pop_vector(ty);
        (self.pop_vector(ty), second)
    }

    /// The top `count` values as they are passed to a call, in order. They stay.
    pub(super) fn peek_passable(&mut self, count: usize) -> Vec<Value> {
        let start = self.stack.len() - count;
        (start..self.stack.len())
            .map(|i| self.passable(self.stack[i]))
            .collect()
    }

    /// The top `count` values as they are passed to a block, in order. They stay.
    pub(super) fn peek_block_args(&mut self, count: usize) -> Vec<BlockArg> {
        let values = self.peek_passable(count);
        values.into_iter().map(BlockArg::Value).collect()
    }

    /// Drops all but the first `height` values.
    pub(super) fn truncate(&mut self, height: usize) {
        self.stack.truncate(height);
    }

    fn passable(&mut self, value: Value) -> Value {
        if self.builder.func.dfg.value_type(value).is_vector() {
            self.cast_vector(types::I8X16, value)
        } else {
            value
        }
    }

    /// The same 128 bits as a vector of another type. Lane 0 is in the lowest bits.
    pub(super) fn cast_vector(&mut self, ty: Type, value: Value) -> Value {
        if self.builder.func.dfg.value_type(value) == ty {
            return value;
        }
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.builder.ins().bitcast(ty, flags, value)
    }

    /// Pushes a comparison's 8-bit result as wasm's i32.
    pub(super) fn push_bool(&mut self, value: Value) {
        let value = self.builder.ins().uextend(types::I32, value);
        self.push(value);
    }
}

//! `memory.init`, `data.drop`, and bulk operators on tables. `memory.copy` and `memory.fill` are in
//! `wasm/bulk_memory.rs`.
//!
//! All go to the host, which checks bounds. Memories, tables and segments are named by their
//! index in the calling module; addresses and lengths are in 64 bits where those of a 64-bit
//! memory or table are.

use super::function::FuncTranslator;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use threadline_environ::BuiltinIndex;
use wasmparser::Operator;

impl FuncTranslator<'_, '_> {
    pub(super) fn bulk_operator(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::MemoryCopy { dst_mem, src_mem } => self.memory_copy(dst_mem, src_mem),
            Operator::MemoryFill { mem } => self.memory_fill(mem),
            Operator::MemoryInit { data_index, mem } => {
                self.init(BuiltinIndex::MemoryInit, mem, data_index);
            }
            Operator::DataDrop { data_index } => self.drop(BuiltinIndex::DataDrop, data_index),
            Operator::TableCopy {
                dst_table,
                src_table,
            } => self.table_copy(dst_table, src_table),
            Operator::TableFill { table } => self.table_fill(table),
            Operator::TableInit { elem_index, table } => {
                self.init(BuiltinIndex::TableInit, table, elem_index);
            }
            Operator::ElemDrop { elem_index } => self.drop(BuiltinIndex::ElemDrop, elem_index),
            _ => return false,
        }
        true
    }

    fn table_copy(&mut self, dst_table: u32, src_table: u32) {
        let (dst, src, length) = self.pop3();
        let args = [
            self.index(dst_table),
            self.index(src_table),
            self.widen(dst),
            self.widen(src),
            self.widen(length),
        ];
        self.call_builtin(BuiltinIndex::TableCopy, &args);
    }

    fn table_fill(&mut self, table: u32) {
        let (dst, element, length) = self.pop3();
        let args = [
            self.index(table),
            self.widen(dst),
            element,
            self.widen(length),
        ];
        self.call_builtin(BuiltinIndex::TableFill, &args);
    }

    /// `memory.init` or `table.init`.
    fn init(&mut self, builtin: BuiltinIndex, target: u32, segment: u32) {
        let (dst, src, length) = self.pop3();
        let args = [
            self.index(target),
            self.index(segment),
            self.widen(dst),
            src,
            length,
        ];
        self.call_builtin(builtin, &args);
    }

    /// `data.drop` or `elem.drop`.
    fn drop(&mut self, builtin: BuiltinIndex, segment: u32) {
        let segment = self.index(segment);
        self.call_builtin(builtin, &[segment]);
    }

    /// An index as an argument of a builtin.
    pub(super) fn index(&mut self, index: u32) -> Value {
        self.builder.ins().iconst(types::I32, i64::from(index))
    }

    /// An address or length of 32 or 64 bits in 64 bits.
    pub(super) fn widen(&mut self, value: Value) -> Value {
        match self.builder.func.dfg.value_type(value) {
            types::I64 => value,
            _ => self.builder.ins().uextend(types::I64, value),
        }
    }
}

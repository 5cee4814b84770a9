//! `table.get`, `table.set`, `table.size`, `table.grow`.

use super::function::FuncTranslator;
use crate::signature::POINTER;
use crate::trap;
use crate::vm_access::{self, Life, Region};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use threadline_environ::layout::POINTER_SIZE;
use threadline_environ::{AddressType, BuiltinIndex, TableIndex, TrapCode};
use wasmparser::Operator;

/// The address of a table's element.
pub(super) struct ElementAddress {
    address: Value,
    flags: MemFlagsData,
}

impl FuncTranslator<'_, '_> {
    pub(super) fn table_operator(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::TableGet { table } => self.table_get(TableIndex::from_u32(table)),
            Operator::TableSet { table } => self.table_set(TableIndex::from_u32(table)),
            Operator::TableSize { table } => self.table_size(TableIndex::from_u32(table)),
            Operator::TableGrow { table } => self.table_grow(table),
            _ => return false,
        }
        true
    }

    fn table_get(&mut self, table: TableIndex) {
        let index = self.pop();
        let element = self.table_element(table, index, TrapCode::TableOutOfBounds);
        let value = self.load_element(element);
        self.push(value);
    }

    fn table_set(&mut self, table: TableIndex) {
        let (index, value) = self.pop2();
        let element = self.table_element(table, index, TrapCode::TableOutOfBounds);
        self.builder
            .ins()
            .store(element.flags, value, element.address, 0);
    }

    fn table_size(&mut self, table: TableIndex) {
        let length = self.table_length(table);
        self.push(length);
    }

    fn table_grow(&mut self, table: u32) {
        let (element, delta) = self.pop2();
        let args = [self.index(table), self.widen(delta), element];
        let old = self.call_builtin(BuiltinIndex::TableGrow, &args);
        let address = self.env.module().tables[TableIndex::from_u32(table)].address;
        self.push_address(address, old[0]);
    }

    pub(super) fn load_element(&mut self, element: ElementAddress) -> Value {
        self.builder
            .ins()
            .load(POINTER, element.flags, element.address, 0)
    }

    /// The address of an element; accessing it traps with `out_of_bounds` if there is none.
    ///
    /// The check is no branch, which a processor could predict wrongly and go on past: an index out
    /// of bounds makes the address null, and the access faults.
    pub(super) fn table_element(
        &mut self,
        table: TableIndex,
        index: Value,
        out_of_bounds: TrapCode,
    ) -> ElementAddress {
        let length = self.table_length(table);
        let condition = IntCC::UnsignedGreaterThanOrEqual;
        let out = self.builder.ins().icmp(condition, index, length);
        let base = self.table_base(table);
        let index = self.widen(index);
        let log2 = i64::from(POINTER_SIZE.trailing_zeros());
        let shift = self.builder.ins().iconst(types::I32, log2);
        let offset = self.builder.ins().ishl(index, shift);
        let address = self.builder.ins().iadd(base, offset);
        let null = self.builder.ins().iconst(POINTER, 0);
        let code = trap::to_cranelift(out_of_bounds);
        let flags = vm_access::element_flags(self.builder.func, Region::TableElements);
        ElementAddress {
            address: self.builder.ins().select_spectre_guard(out, null, address),
            flags: flags.with_aligned().with_trap_code(Some(code)),
        }
    }

    /// A table that can't grow never moves.
    fn table_base(&mut self, table: TableIndex) -> Value {
        let access = self.env.table(table);
        let life = match access.fixed_length {
            Some(_) => Life::Fixed,
            None => Life::Mutable,
        };
        let mut pos = self.builder.cursor();
        let base = access.definition.base(&mut pos, self.vmctx);
        vm_access::load(&mut pos, access.definition.table_base(life), base)
    }

    /// How many elements a table has, in the width of its indices.
    pub(super) fn table_length(&mut self, table: TableIndex) -> Value {
        let access = self.env.table(table);
        let ty = match self.env.module().tables[table].address {
            AddressType::I32 => types::I32,
            AddressType::I64 => types::I64,
        };
        if let Some(length) = access.fixed_length {
            return self.builder.ins().iconst(ty, i64::from(length));
        }
        let mut pos = self.builder.cursor();
        let base = access.definition.base(&mut pos, self.vmctx);
        let length = vm_access::load(&mut pos, access.definition.table_length(), base);
        match ty {
            types::I32 => pos.ins().ireduce(types::I32, length),
            _ => length,
        }
    }
}

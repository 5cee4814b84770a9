//! What bulk operators cost in fuel: as much as they move, and nothing if they are out of bounds.
//!
//! The cost is charged before the operator runs, so an operator that can't be paid for is not
//! begun. An operator that is out of bounds moves nothing and costs nothing, so that it traps for
//! that reason, not for lack of fuel. `table.grow` of more than a table may ever have costs
//! nothing either; where the host refuses to grow, the cost is given back.

use super::function::FuncTranslator;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use threadline_environ::module::{DataSegment, ElemItems, ElemSegment, SegmentMode};
use threadline_environ::{AddressType, DataIndex, ElemIndex, MemoryIndex, TableIndex};
use wasmparser::Operator;

/// How many bytes a bulk operator moves for a unit, as a power of two.
const BYTES_LOG2: u32 = 3;

/// More elements than this no table has, whatever its type says: they have eight bytes each.
const MOST_ELEMENTS: u64 = (1 << 60) - 1;

/// What a bulk operator costs.
pub(super) struct BulkCost {
    /// Units.
    pub(super) amount: Value,
    /// Whether it is given back if the operator's result is −1.
    pub(super) is_refunded: bool,
}

/// A range that an operator accesses must be within so many bytes or elements.
struct Bound {
    start: Value,
    size: Value,
}

impl FuncTranslator<'_, '_> {
    /// Returns what the operator that comes next costs beyond a unit; `None` if it moves nothing.
    /// Its operands are on the stack.
    pub(super) fn bulk_cost(&mut self, operator: &Operator<'_>) -> Option<BulkCost> {
        let [first, second, count] = match operator {
            Operator::TableGrow { table } => return Some(self.growth_cost(*table)),
            _ => self.widened_operands()?,
        };
        let (bounds, log2) = match *operator {
            Operator::MemoryFill { mem } => (vec![self.memory_bound(mem, first)], BYTES_LOG2),
            Operator::MemoryCopy { dst_mem, src_mem } => {
                let target = self.memory_bound(dst_mem, first);
                (vec![target, self.memory_bound(src_mem, second)], BYTES_LOG2)
            }
            Operator::MemoryInit { mem, data_index } => {
                let target = self.memory_bound(mem, first);
                let segment = self.env.module().data.get(DataIndex::from_u32(data_index));
                let length = segment.map_or(0, data_length);
                let source = self.constant_bound(length, second);
                (vec![target, source], BYTES_LOG2)
            }
            Operator::TableFill { table } => (vec![self.table_bound(table, first)], 0),
            Operator::TableCopy {
                dst_table,
                src_table,
            } => {
                let target = self.table_bound(dst_table, first);
                (vec![target, self.table_bound(src_table, second)], 0)
            }
            Operator::TableInit { table, elem_index } => {
                let target = self.table_bound(table, first);
                let length = elem_length(&self.env.module().elems[ElemIndex::from_u32(elem_index)]);
                let source = self.constant_bound(length, second);
                (vec![target, source], 0)
            }
            _ => return None,
        };
        let mut amount = match log2 {
            0 => count,
            log2 => {
                let shift = self.builder.ins().iconst(types::I32, i64::from(log2));
                self.builder.ins().ushr(count, shift)
            }
        };
        for bound in bounds {
            let out = self.is_out(bound, count);
            amount = self.nothing_if(out, amount);
        }
        Some(BulkCost {
            amount,
            is_refunded: false,
        })
    }

    /// Of `table.grow`.
    fn growth_cost(&mut self, table: u32) -> BulkCost {
        let delta = *self.stack.last().expect("validated");
        let delta = self.widen(delta);
        let ty = self.env.module().tables[TableIndex::from_u32(table)];
        let most = match ty.address {
            AddressType::I32 => u64::from(u32::MAX),
            AddressType::I64 => MOST_ELEMENTS,
        };
        let most = ty.maximum.map_or(most, |maximum| maximum.min(most));
        let start = self.table_length(TableIndex::from_u32(table));
        let start = self.widen(start);
        let bound = self.constant_bound(most, start);
        let out = self.is_out(bound, delta);
        BulkCost {
            amount: self.nothing_if(out, delta),
            is_refunded: true,
        }
    }

    /// The three operands on top, in 64 bits; the value to fill a table with is left as it is.
    fn widened_operands(&mut self) -> Option<[Value; 3]> {
        let operands: [Value; 3] = *self.stack.last_chunk()?;
        Some(operands.map(|operand| self.widen(operand)))
    }

    fn memory_bound(&mut self, memory: u32, start: Value) -> Bound {
        let memory = MemoryIndex::from_u32(memory);
        let size = match self.env.module().memories[memory].shared {
            false => self.memory_length(memory),
            true => self.shared_memory_length(memory),
        };
        Bound { start, size }
    }

    fn table_bound(&mut self, table: u32, start: Value) -> Bound {
        let size = self.table_length(TableIndex::from_u32(table));
        let size = self.widen(size);
        Bound { start, size }
    }

    fn constant_bound(&mut self, size: u64, start: Value) -> Bound {
        let size = self.builder.ins().iconst(types::I64, size as i64);
        Bound { start, size }
    }

    /// Whether `count` from the start on reach beyond the bound; sums could wrap around.
    fn is_out(&mut self, Bound { start, size }: Bound, count: Value) -> Value {
        let condition = IntCC::UnsignedGreaterThan;
        let too_many = self.builder.ins().icmp(condition, count, size);
        let last = self.builder.ins().isub(size, count);
        let too_far = self.builder.ins().icmp(condition, start, last);
        self.builder.ins().bor(too_many, too_far)
    }

    /// 0 if the condition holds, else the amount.
    pub(super) fn nothing_if(&mut self, condition: Value, amount: Value) -> Value {
        let nothing = self.builder.ins().iconst(types::I64, 0);
        self.builder.ins().select(condition, nothing, amount)
    }
}

/// How many bytes `memory.init` finds in a segment that has not been dropped.
fn data_length(data: &DataSegment) -> u64 {
    match data.mode {
        SegmentMode::Passive => data.range.len() as u64,
        SegmentMode::Active { .. } | SegmentMode::Declared => 0,
    }
}

/// How many elements `table.init` finds in a segment that has not been dropped.
fn elem_length(elem: &ElemSegment) -> u64 {
    match (&elem.mode, &elem.items) {
        (SegmentMode::Active { .. } | SegmentMode::Declared, _) => 0,
        (SegmentMode::Passive, ElemItems::Funcs(funcs)) => funcs.len() as u64,
        (SegmentMode::Passive, ElemItems::Exprs(exprs)) => exprs.len() as u64,
    }
}

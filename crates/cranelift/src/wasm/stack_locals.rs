//! Functions whose locals are kept on the stack.
//!
//! Locals are variables, which Cranelift makes values of. For each variable that takes an entry for
//! every block up to the last one that touches it, and where ways meet a value for every variable
//! that is used later: time and memory grow with the number of locals times that of blocks. A
//! megabyte of wasm could ask for a hundred gigabytes. So where that product is far from what
//! compilers write ([`MAX_LOCALS_BY_BLOCKS`]), or blocks turn out to merge too much (`merges.rs`), each local gets a place in the frame instead, and
//! each `local.get` and `local.set` accesses it; all of that takes no more than the function's
//! size. Such a function is slower, and still does the same.

use super::env::core_type;
use super::function::FuncTranslator;
use crate::signature::{POINTER, value_type};
use cranelift_codegen::ir::{
    Function, InstBuilder, MemFlagsData, StackSlot, StackSlotData, StackSlotKind, Type, Value,
};
use cranelift_frontend::Variable;
use std::iter::repeat_n;
use wasmparser::{BinaryReader, Operator, OperatorsReader};

/// The most locals times blocks for locals to be variables. The main loops of interpreters come
/// to some millions.
pub(super) const MAX_LOCALS_BY_BLOCKS: u64 = 1 << 25;
/// More locals than the validator allows, parameters included.
const MAX_LOCALS: u64 = 60_000;
/// The alignment of a vector, as a power of two.
const ALIGN_SHIFT: u8 = 4;

/// Where the locals of a function are to be.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum LocalsIn {
    /// In variables, unless there are too many of them and of blocks.
    Variables,
    /// On the stack. Blocks then merge none.
    Stack,
}

/// Where the locals of a function are.
pub(super) struct StackLocals {
    slot: StackSlot,
    /// By number of variable; what has a higher one is a variable.
    places: Vec<(Type, i32)>,
}

impl StackLocals {
    /// Looks over a body, which may be invalid still, and takes room for its locals if they are
    /// to be on the stack. `reader` is where the declarations begin; `params` come before them.
    pub(super) fn choose(
        func: &mut Function,
        params: &[Type],
        mut reader: BinaryReader<'_>,
        locals_in: LocalsIn,
    ) -> Option<StackLocals> {
        let mut runs = Vec::new();
        let mut locals = params.len() as u64;
        // What can't be read, the validator will refuse, and too many locals as well.
        for _ in 0..reader.read_var_u32().ok()? {
            let count = reader.read_var_u32().ok()?;
            let ty = value_type(core_type(reader.read::<wasmparser::ValType>().ok()?));
            locals += u64::from(count);
            if locals > MAX_LOCALS {
                return None;
            }
            runs.push((ty, count as usize));
        }
        // No operator makes more blocks than it has bytes.
        let is_small = locals * reader.bytes_remaining() as u64 <= MAX_LOCALS_BY_BLOCKS;
        let variables = locals_in == LocalsIn::Variables;
        if variables && (is_small || locals * blocks(reader) <= MAX_LOCALS_BY_BLOCKS) {
            return None;
        }
        let declared = runs.iter().flat_map(|&(ty, count)| repeat_n(ty, count));
        let types = params.iter().copied().chain(declared);
        let mut places = Vec::with_capacity(locals as usize);
        let mut size = 0u32;
        for ty in types {
            size = size.next_multiple_of(ty.bytes());
            places.push((ty, size as i32));
            size += ty.bytes();
        }
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, size, ALIGN_SHIFT);
        let slot = func.create_sized_stack_slot(data);
        Some(StackLocals { slot, places })
    }
}

/// How many blocks of CLIF a body becomes, about.
fn blocks(reader: BinaryReader<'_>) -> u64 {
    let mut blocks = 0;
    // A call that an exception may come out of ends a block.
    let mut call = 0;
    let operators = OperatorsReader::new(reader);
    for operator in operators.into_iter().map_while(Result::ok) {
        blocks += match operator {
            Operator::If { .. } => 3,
            Operator::Loop { .. } => 2,
            Operator::TryTable { .. } => {
                call = 1;
                2
            }
            Operator::Block { .. }
            | Operator::BrIf { .. }
            | Operator::BrOnNull { .. }
            | Operator::BrOnNonNull { .. } => 1,
            Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. } => {
                call
            }
            _ => 0,
        };
    }
    blocks
}

impl FuncTranslator<'_, '_> {
    /// The value that a local has now.
    pub(super) fn local_value(&mut self, local: Variable) -> Value {
        match self.place(local) {
            None => self.builder.use_var(local),
            Some((ty, base, offset)) => self.builder.ins().load(ty, access_flags(), base, offset),
        }
    }

    /// Gives a local a value.
    pub(super) fn set_local_value(&mut self, local: Variable, value: Value) {
        match self.place(local) {
            None => self.builder.def_var(local, value),
            Some((_, base, offset)) => {
                let flags = access_flags();
                self.builder.ins().store(flags, value, base, offset);
            }
        }
    }

    /// Where a local is if it's on the stack: its type, and its address as a base and an offset.
    /// All have the same base, so that after optimisation one value is kept and not one for each.
    fn place(&mut self, local: Variable) -> Option<(Type, Value, i32)> {
        let locals = self.stack_locals.as_ref()?;
        let &(ty, offset) = locals.places.get(local.as_u32() as usize)?;
        let base = self.builder.ins().stack_addr(POINTER, locals.slot, 0);
        Some((ty, base, offset))
    }
}

/// Places are in the frame, and aligned in it.
fn access_flags() -> MemFlagsData {
    MemFlagsData::new().with_notrap().with_aligned()
}

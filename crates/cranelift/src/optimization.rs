//! Whether a function can be optimised in time that is in proportion to its size.
//!
//! Two things in Cranelift's optimiser can't:
//!
//! - Common subexpressions are found in scopes, one for each block on the way down the dominator
//!   tree. For each pure instruction the scope is searched where its operands are available, from
//!   the innermost outwards. So thousands of blocks in a row take the square of their number.
//! - What a load may read is known by a table of all alias regions, a copy for each block. Each
//!   global that nobody else can reach is a region of its own.
//!
//! Where either is far more than in functions that compilers write, the function stays as it is.

use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Block, Function, Inst, InstructionData, Value};
use std::collections::BTreeSet;

/// Steps that a function may take in any case: some tenths of a second.
const ALWAYS_OPTIMIZED: u64 = 1 << 26;
/// Steps for each instruction, beyond which a larger function isn't optimised.
const MAX_STEPS_PER_INST: u64 = 1 << 9;
/// Entries of tables, as above.
const MAX_ENTRIES_PER_INST: u64 = 1 << 6;
/// Likewise.
const ALWAYS_TABULATED: u64 = 1 << 22;

/// Whether a function takes too long to be optimised.
pub(crate) fn is_costly(func: &Function, domtree: &DominatorTree) -> bool {
    let insts = func.dfg.num_insts() as u64;
    table_entries(func) > ALWAYS_TABULATED.max(MAX_ENTRIES_PER_INST * insts) || {
        let limit = ALWAYS_OPTIMIZED.max(MAX_STEPS_PER_INST * insts);
        insts * func.dfg.num_blocks() as u64 > limit && steps(func, domtree) > limit
    }
}

/// How many entries the tables of alias regions have together.
fn table_entries(func: &Function) -> u64 {
    let regions = func.dfg.alias_regions.len() as u64;
    if regions * func.dfg.num_insts() as u64 <= ALWAYS_TABULATED {
        return 0;
    }
    let blocks = func.layout.blocks();
    let copies = blocks.map(|block| {
        let calls = func.layout.block_insts(block);
        let calls = calls.filter(|&inst| func.dfg.insts[inst].opcode().is_call());
        1 + func.block_successors(block).count() as u64 + calls.count() as u64
    });
    regions * copies.sum::<u64>()
}

/// How many scopes are looked at for all pure instructions, at most.
fn steps(func: &Function, domtree: &DominatorTree) -> u64 {
    let mut depths: SecondaryMap<Block, u32> = SecondaryMap::new();
    // The depth of the block from which on a value is available.
    let mut available: SecondaryMap<Value, u32> = SecondaryMap::new();
    let mut constants = BTreeSet::new();
    let mut steps = 0;
    for &block in domtree.cfg_rpo() {
        let depth = domtree.idom(block).map_or(0, |above| depths[above] + 1);
        depths[block] = depth;
        for &param in func.dfg.block_params(block) {
            available[param] = depth;
        }
        for inst in func.layout.block_insts(block) {
            let mut since = depth;
            if is_pure(func, inst) {
                let args = func.dfg.inst_args(inst).iter();
                since = args.map(|&arg| available[arg]).max().unwrap_or(0);
                let is_known = match func.dfg.insts[inst] {
                    // Found at once, without a search.
                    InstructionData::UnaryImm { imm, .. } => !constants.insert(imm.bits()),
                    _ => false,
                };
                if !is_known {
                    steps += u64::from(depth - since) + 1;
                }
            }
            for &result in func.dfg.inst_results(inst) {
                available[result] = since;
            }
        }
    }
    steps
}

/// Whether an instruction has a result and does nothing else.
fn is_pure(func: &Function, inst: Inst) -> bool {
    let opcode = func.dfg.insts[inst].opcode();
    let loads_constant = || {
        let flags = func.dfg.insts[inst]
            .memflags()
            .map(|flags| func.dfg.mem_flags[flags]);
        flags.is_some_and(|flags| flags.readonly() && flags.notrap() && flags.can_move())
    };
    let has_effects = opcode.is_call()
        || opcode.is_branch()
        || opcode.is_terminator()
        || opcode.can_store()
        || opcode.other_side_effects();
    func.dfg.inst_results(inst).len() == 1
        && !has_effects
        && match opcode.can_load() {
            true => loads_constant(),
            false => !opcode.can_trap(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::Context;
    use cranelift_codegen::ir::{AbiParam, AliasRegionData, InstBuilder, Signature, types};
    use cranelift_codegen::isa::CallConv;
    use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

    /// A function of so many blocks in a row, each of which adds to the value before with `add`.
    fn in_a_row(blocks: usize, regions: u32, constant: impl Fn(i64) -> i64) -> bool {
        let mut signature = Signature::new(CallConv::Tail);
        signature.params.push(AbiParam::new(types::I64));
        let mut func = Function::with_name_signature(Default::default(), signature);
        let mut context = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut func, &mut context);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        let mut value = builder.block_params(entry)[0];
        for i in 0..blocks as i64 {
            let next = builder.create_block();
            let constant = builder.ins().iconst(types::I64, constant(i));
            value = builder.ins().iadd(value, constant);
            builder.ins().jump(next, &[]);
            builder.switch_to_block(next);
        }
        builder.ins().return_(&[]);
        for user_id in 0..regions {
            let data = AliasRegionData {
                user_id,
                description: "".into(),
            };
            func.dfg.alias_regions.insert(data);
        }
        let mut context = Context::for_function(func);
        context.compute_cfg();
        context.compute_domtree();
        is_costly(&context.func, &context.domtree)
    }

    #[test]
    fn very_many_blocks_in_a_row_are_costly() {
        assert!(in_a_row(15_000, 0, |_| 1));
        assert!(in_a_row(10_000, 0, |i| i));
    }

    #[test]
    fn as_many_as_compilers_write_are_not() {
        assert!(!in_a_row(5000, 0, |_| 1));
        assert!(!in_a_row(5000, 10, |i| i));
    }

    #[test]
    fn very_many_regions_in_very_many_blocks_are_costly() {
        assert!(in_a_row(3000, 3000, |_| 1));
        assert!(!in_a_row(3000, 100, |_| 1));
        assert!(!in_a_row(100, 3000, |_| 1));
    }
}

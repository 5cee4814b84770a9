//! What blocks that merge values cost the backtracking register allocator.
//!
//! A block's parameters are values that its predecessors pass to it. Where a function has many,
//! most are locals that differ from way to way. The allocator has a list of what is passed, by
//! parameter and predecessor, in the order of the parameters' definitions. For each value that is
//! alive at the start of a block it looks for the value's entries in it, from where it was at
//! the beginning of a value before: from the last one whose live range has a gap. So if no live
//! range has one, its time grows with the square of what is passed. Seven kilobytes of wasm,
//! three hundred loops in each other that change as many locals, would take a quarter of a minute.
//!
//! [`are_costly`] tells such functions by how many entries are looked at. In functions that
//! compilers write, most long live ranges have gaps: a local of an interpreter's loop is dead in
//! each case from its last use to where it is set.

use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Block, Function, Inst, Value};

/// Entries that may be looked at in any function: it takes about a second.
pub(crate) const ALWAYS_SCANNED: u64 = 1 << 29;
/// Entries that may be looked at for each instruction: as long as the rest of its compilation.
const MAX_SCANNED_PER_INST: u64 = 1 << 10;
/// Blocks that are visited to find out where values are alive, for each that may be scanned.
const ENTRIES_PER_VISIT: u64 = 8;

/// How many values all branches of a function pass.
pub(crate) fn passed(func: &Function) -> u64 {
    let blocks = func.layout.blocks();
    blocks
        .flat_map(|block| calls(func, block))
        .map(|(_, passed)| passed)
        .sum()
}

/// Whether the allocator would look at too many entries.
pub(crate) fn are_costly(func: &Function, domtree: &DominatorTree) -> bool {
    let insts = func.dfg.num_insts() as u64;
    let limit = ALWAYS_SCANNED.max(MAX_SCANNED_PER_INST * insts);
    let dfg = &func.dfg;
    let most = dfg.num_values() as u64 * dfg.num_blocks() as u64;
    most.saturating_mul(passed(func)) > limit && Merges::of(func, domtree).scan(limit).is_none()
}

/// Blocks that a block's last instruction branches to, and how many values it passes there.
fn calls(func: &Function, block: Block) -> impl Iterator<Item = (Block, u64)> {
    let dfg = &func.dfg;
    let last = func.layout.last_inst(block);
    let calls = last
        .map(|inst| dfg.insts[inst].branch_destination(&dfg.jump_tables, &dfg.exception_tables));
    let calls = calls.unwrap_or_default().iter();
    calls.map(|call| {
        (
            call.block(&dfg.value_lists),
            call.len(&dfg.value_lists) as u64,
        )
    })
}

/// Where the values of a function are used, and where control comes from.
struct Merges<'a> {
    func: &'a Function,
    /// A block's place in the order in which code is laid out, about.
    places: SecondaryMap<Block, u32>,
    predecessors: SecondaryMap<Block, Vec<Block>>,
    /// How many values are passed to a block.
    entries: SecondaryMap<Block, u64>,
    /// The blocks that a value is used in and not defined in.
    uses: SecondaryMap<Value, Vec<Block>>,
}

/// Where a value is alive.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
struct Alive {
    /// The number of blocks at whose start it is.
    blocks: u64,
    /// Whether there is a block in between at whose start it isn't.
    has_gap: bool,
}

impl<'a> Merges<'a> {
    fn of(func: &'a Function, domtree: &DominatorTree) -> Merges<'a> {
        let mut merges = Merges {
            func,
            places: SecondaryMap::new(),
            predecessors: SecondaryMap::new(),
            entries: SecondaryMap::new(),
            uses: SecondaryMap::new(),
        };
        for (place, &block) in domtree.cfg_rpo().enumerate() {
            merges.places[block] = place as u32;
            for (target, passed) in calls(func, block) {
                merges.predecessors[target].push(block);
                merges.entries[target] += passed;
            }
        }
        for &block in domtree.cfg_rpo() {
            for inst in func.layout.block_insts(block) {
                merges.add_uses(block, inst);
            }
        }
        merges
    }

    fn add_uses(&mut self, block: Block, inst: Inst) {
        for value in self.func.dfg.inst_values(inst) {
            let value = self.func.dfg.resolve_aliases(value);
            let uses = &mut self.uses[value];
            // All uses in a block come one after the other.
            if uses.last() != Some(&block) {
                uses.push(block);
            }
        }
    }

    /// How many entries the allocator looks at; `None` if it is more than `limit`.
    fn scan(&self, limit: u64) -> Option<u64> {
        let mut scanned = 0u64;
        let mut visits = limit / ENTRIES_PER_VISIT;
        let mut visited = SecondaryMap::new();
        // Entries before a value's, and those of them that are left behind.
        let mut before = 0;
        let mut behind = 0;
        for block in self.func.layout.blocks() {
            let params = self.func.dfg.block_params(block);
            for &param in params {
                before += self.entries[block] / params.len() as u64;
                let alive = self.alive(param, block, &mut visited, &mut visits)?;
                scanned += (alive.blocks + 1) * (before - behind);
                if alive.has_gap {
                    behind = before;
                }
            }
            for inst in self.func.layout.block_insts(block) {
                for &result in self.func.dfg.inst_results(inst) {
                    let alive = self.alive(result, block, &mut visited, &mut visits)?;
                    scanned += alive.blocks * (before - behind);
                    if alive.has_gap {
                        behind = before;
                    }
                }
            }
            if scanned > limit {
                return None;
            }
        }
        Some(scanned)
    }

    /// Where a value is alive that is defined in a block; `None` if there are no `visits` left.
    /// `visited` says for which value a block was visited last.
    fn alive(
        &self,
        value: Value,
        definition: Block,
        visited: &mut SecondaryMap<Block, Option<Value>>,
        visits: &mut u64,
    ) -> Option<Alive> {
        visited[definition] = Some(value);
        let mut next = Vec::new();
        let mut alive = Alive::default();
        let (mut first, mut last) = (u32::MAX, 0);
        let mut visit = |block: Block, next: &mut Vec<Block>| {
            if visited[block] != Some(value) {
                visited[block] = Some(value);
                next.push(block);
            }
        };
        for &block in &self.uses[value] {
            visit(block, &mut next);
        }
        while let Some(block) = next.pop() {
            *visits = visits.checked_sub(1 + self.predecessors[block].len() as u64)?;
            alive.blocks += 1;
            first = first.min(self.places[block]);
            last = last.max(self.places[block]);
            for &predecessor in &self.predecessors[block] {
                visit(predecessor, &mut next);
            }
        }
        alive.has_gap = alive.blocks > 0 && u64::from(last - first) + 1 > alive.blocks;
        Some(alive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::Context;
    use cranelift_codegen::ir::{AbiParam, BlockArg, InstBuilder, Signature, types};
    use cranelift_codegen::isa::CallConv;
    use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

    /// Whether a function with a parameter is costly, whose body `body` writes.
    fn is_costly(body: impl FnOnce(&mut FunctionBuilder<'_>, Value)) -> bool {
        let mut signature = Signature::new(CallConv::Tail);
        signature.params.push(AbiParam::new(types::I32));
        let mut func = Function::with_name_signature(Default::default(), signature);
        let mut context = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut func, &mut context);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        let param = builder.block_params(entry)[0];
        body(&mut builder, param);
        builder.ins().return_(&[]);
        let mut context = Context::for_function(func);
        context.compute_cfg();
        context.compute_domtree();
        are_costly(&context.func, &context.domtree)
    }

    fn args(values: &[Value]) -> Vec<BlockArg> {
        values.iter().copied().map(BlockArg::Value).collect()
    }

    /// A block with so many parameters.
    fn block(builder: &mut FunctionBuilder<'_>, params: usize) -> Block {
        let block = builder.create_block();
        for _ in 0..params {
            builder.append_block_param(block, types::I32);
        }
        block
    }

    /// So many loops in each other or, if `nested` isn't so, in a row, that merge so many values.
    fn loops(
        builder: &mut FunctionBuilder<'_>,
        param: Value,
        [loops, width]: [usize; 2],
        nested: bool,
    ) {
        let mut values = vec![param; width];
        let mut open = Vec::new();
        for _ in 0..loops {
            let header = block(builder, width);
            builder.ins().jump(header, &args(&values));
            builder.switch_to_block(header);
            values = builder.block_params(header).to_vec();
            if nested {
                open.push(header);
            } else {
                close(builder, param, header, &values);
            }
        }
        while let Some(header) = open.pop() {
            close(builder, param, header, &values);
        }
    }

    fn close(builder: &mut FunctionBuilder<'_>, param: Value, header: Block, values: &[Value]) {
        let next = builder.create_block();
        let args = args(values);
        builder.ins().brif(param, header, &args, next, &[]);
        builder.switch_to_block(next);
    }

    #[test]
    fn loops_that_merge_very_many_values_are_costly() {
        for size in [[200, 120], [20, 1200], [20_000, 1]] {
            for nested in [true, false] {
                assert!(
                    is_costly(|builder, param| loops(builder, param, size, nested)),
                    "{size:?}"
                );
            }
        }
    }

    #[test]
    fn loops_that_merge_as_many_as_compilers_write_are_not() {
        for size in [[50, 50], [500, 4], [2000, 2], [4, 1000]] {
            for nested in [true, false] {
                assert!(
                    !is_costly(|builder, param| loops(builder, param, size, nested)),
                    "{size:?}"
                );
            }
        }
    }

    /// A loop around so many cases, each of which uses a value and sets another.
    #[test]
    fn an_interpreters_main_loop_is_not_costly_for_its_values_are_dead_in_between() {
        let (cases, width) = (4000, 16);
        assert!(!is_costly(|builder, param| {
            let header = block(builder, width);
            builder.ins().jump(header, &args(&vec![param; width]));
            builder.switch_to_block(header);
            let values = builder.block_params(header).to_vec();
            for i in 0..cases {
                let [case, next] = [(); 2].map(|()| builder.create_block());
                builder.ins().brif(values[0], case, &[], next, &[]);
                builder.switch_to_block(case);
                let mut changed = values.clone();
                changed[i % width] = builder.ins().iadd(values[(i + 3) % width], param);
                builder.ins().jump(header, &args(&changed));
                builder.switch_to_block(next);
            }
        }));
    }
}

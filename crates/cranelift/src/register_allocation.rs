//! Which of Cranelift's two register allocators a function gets.
//!
//! The *backtracking* one makes the better code. It compares each live range that gets no
//! register as a whole with all that have one meanwhile, so its time grows with the total length
//! of all live ranges: with the square of a function's size, if everything is needed at the end. A
//! kilobyte of wasm could keep it busy for seconds, a few hundred for an hour. The *single-pass*
//! one takes the same time for any instruction.
//!
//! So functions in which far more is alive than in any that a compiler would write
//! ([`MAX_MEAN_PRESSURE`]) get the single-pass one, unless they are small enough for it not to
//! matter ([`ALWAYS_BACKTRACKING`]). The time for an instruction is bounded that way.
//!
//! Two things besides make the backtracking one slow, and also lead to the single-pass one:
//!
//! - Calls that pass many values on the stack ([`MAX_STACK_OPERANDS`]). Each value is a live range
//!   of its own there, and a value that is needed throughout the function meets all of them.
//! - Blocks that merge many values (`merges.rs`). Where these are locals, as they mostly are, the
//!   function is translated again with its locals on the stack ([`Outcome::TooManyMerges`]), which
//!   leaves nothing to be merged.
//!
//! Optimisation can take too long, too; then it is left out (`optimization.rs`).
//!
//! What is measured is the optimised function, since common subexpressions and hoisting make live
//! ranges longer. Time must therefore be kept by optimising first and finishing with an ISA of
//! other settings ([`Finishing`]); small functions go the direct way.

use crate::isa::Extent;
use crate::{merges, optimization};
use anyhow::Result;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Block, Function, Value};
use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::OptLevel;
use cranelift_codegen::{CodegenError, Context};

/// Values alive, on average over a function's instructions, above which its registers are
/// allocated in a single pass. An interpreter's main loop has some dozens, the largest that we
/// know of a few hundred. Spilled values don't share stack slots there, so it must be well above.
const MAX_MEAN_PRESSURE: u64 = 512;
/// A total length of live ranges, in instructions, that the backtracking allocator may have in
/// any case: it takes some tenths of a second for it.
const ALWAYS_BACKTRACKING: u64 = 1 << 24;

/// Values that all calls of a function may pass on the stack together for the backtracking
/// allocator, whose time grows with the square: it takes half a second for that many.
const MAX_STACK_OPERANDS: u64 = 1 << 16;
/// Arguments of a call, and results, that are taken to be in registers. Few signatures have more.
const REGISTER_OPERANDS: usize = 8;

/// A register allocator.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Allocator {
    /// Better code; time grows with the length of live ranges.
    Backtracking,
    /// Time grows with the number of instructions.
    SinglePass,
}

/// ISAs that do a part of what there is to be done for a function.
pub(crate) struct Finishing {
    /// Does all that comes before optimisation.
    preparing: OwnedTargetIsa,
    backtracking: OwnedTargetIsa,
    single_pass: OwnedTargetIsa,
}

impl Finishing {
    /// Makes all of the ISAs.
    ///
    /// # Errors
    /// What `build` fails with.
    pub(crate) fn new(build: impl Fn(Extent) -> Result<OwnedTargetIsa>) -> Result<Finishing> {
        Ok(Finishing {
            preparing: build(Extent::Prepare)?,
            backtracking: build(Extent::Finish(Allocator::Backtracking))?,
            single_pass: build(Extent::Finish(Allocator::SinglePass))?,
        })
    }

    fn isa(&self, allocator: Allocator) -> &dyn TargetIsa {
        match allocator {
            Allocator::Backtracking => &*self.backtracking,
            Allocator::SinglePass => &*self.single_pass,
        }
    }
}

/// What [`compile`] came to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The context has the code.
    Compiled,
    /// Blocks merge so many values that it would take too long: the function has to be translated
    /// again, with its locals on the stack.
    TooManyMerges,
}

/// Whether a function can be translated in another way, if it is too costly as it is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Translation {
    /// Its locals are variables, and could be on the stack.
    First,
    /// There is no other way.
    Last,
}

/// Compiles the context's function: for `isa`, and in bounded time.
///
/// # Errors
/// If Cranelift fails.
pub(crate) fn compile(
    context: &mut Context,
    isa: &dyn TargetIsa,
    finishing: &Finishing,
    control: &mut ControlPlane,
    translation: Translation,
) -> Result<Outcome, CodegenError> {
    let isa = if is_small(&context.func) {
        isa
    } else {
        context.optimize(&*finishing.preparing, control)?;
        if translation == Translation::First && merges::are_costly(&context.func, &context.domtree)
        {
            return Ok(Outcome::TooManyMerges);
        }
        let optimizes = isa.flags().opt_level() != OptLevel::None;
        if optimizes && !optimization::is_costly(&context.func, &context.domtree) {
            context.egraph_pass(isa, control)?;
        }
        finishing.isa(allocator(context))
    };
    match context.compile(isa, control) {
        Ok(_) => Ok(Outcome::Compiled),
        Err(error) => Err(error.inner),
    }
}

/// Whether the function is so small that nothing about it can take long.
fn is_small(func: &Function) -> bool {
    let dfg = &func.dfg;
    let (insts, values) = (dfg.num_insts() as u64, dfg.num_values() as u64);
    insts * values <= ALWAYS_BACKTRACKING
        && !has_wide_signature(func)
        && values * dfg.num_blocks() as u64 * merges::passed(func) <= merges::ALWAYS_SCANNED
}

/// The allocator for an optimised function.
fn allocator(context: &Context) -> Allocator {
    let func = &context.func;
    let ranges = LiveRanges::of(func);
    if ranges.length > ALWAYS_BACKTRACKING.max(MAX_MEAN_PRESSURE * ranges.instructions)
        || stack_operands(func) > MAX_STACK_OPERANDS
        || merges::are_costly(func, &context.domtree)
    {
        Allocator::SinglePass
    } else {
        Allocator::Backtracking
    }
}

/// Whether some function type has values that are passed on the stack.
fn has_wide_signature(func: &Function) -> bool {
    let mut signatures = func.dfg.signatures.values();
    signatures.any(|signature| on_stack(signature.params.len(), signature.returns.len()) > 0)
}

/// How many of so many arguments and results are passed on the stack, about.
fn on_stack(args: usize, results: usize) -> u64 {
    (args.saturating_sub(REGISTER_OPERANDS) + results.saturating_sub(REGISTER_OPERANDS)) as u64
}

/// How many values all calls of a function pass on the stack, about.
fn stack_operands(func: &Function) -> u64 {
    if !has_wide_signature(func) {
        return 0;
    }
    let insts = func
        .layout
        .blocks()
        .flat_map(|block| func.layout.block_insts(block));
    let count = |inst| match func.dfg.call_signature(inst) {
        Some(signature) => {
            let signature = &func.dfg.signatures[signature];
            on_stack(signature.params.len(), signature.returns.len())
        }
        None => 0,
    };
    insts.map(count).sum()
}

/// A part of a function, in positions: from a block that is branched back to, up to the last such
/// branch.
#[derive(Copy, Clone, Debug)]
struct Loop {
    start: u32,
    end: u32,
}

/// What is alive in a function, all in all.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct LiveRanges {
    /// The number of instructions.
    instructions: u64,
    /// The total length of all live ranges, in instructions, or more: gaps in a range are counted,
    /// and constants, which are made anew where they are used.
    length: u64,
}

impl LiveRanges {
    /// It relies on the order of blocks being that of the wasm: all branches go forward, but for
    /// those to the beginnings of loops. A value is then alive from its definition to its last
    /// use, or if that is in a loop which the definition isn't in, to the loop's end.
    fn of(func: &Function) -> LiveRanges {
        let loops = loops(func);
        let mut next_loop = loops.iter().copied().peekable();
        let mut open: Vec<Loop> = Vec::new();
        let mut definitions: SecondaryMap<Value, u32> = SecondaryMap::new();
        let mut ends: SecondaryMap<Value, u32> = SecondaryMap::new();
        let mut position = 0;
        for block in func.layout.blocks() {
            while open
                .last()
                .is_some_and(|innermost| innermost.end < position)
            {
                open.pop();
            }
            open.extend(next_loop.next_if(|next| next.start == position));
            for &param in func.dfg.block_params(block) {
                definitions[param] = position;
                ends[param] = position;
            }
            for inst in func.layout.block_insts(block) {
                position += 1;
                for value in func.dfg.inst_values(inst) {
                    let definition = definitions[value];
                    let inside = open.partition_point(|one| one.start <= definition);
                    let end = open.get(inside).map_or(position, |one| one.end);
                    ends[value] = ends[value].max(end);
                }
                for &result in func.dfg.inst_results(inst) {
                    definitions[result] = position;
                    ends[result] = position;
                }
            }
            position += 1;
        }
        let lengths = definitions
            .values()
            .zip(ends.values())
            .map(|(definition, end)| u64::from(end.saturating_sub(*definition)));
        LiveRanges {
            instructions: position.into(),
            length: lengths.sum(),
        }
    }
}

/// The loops by ascending start, nested properly.
fn loops(func: &Function) -> Vec<Loop> {
    let mut starts: SecondaryMap<Block, u32> = SecondaryMap::with_default(u32::MAX);
    let mut ends: SecondaryMap<Block, u32> = SecondaryMap::new();
    let mut position = 0;
    for block in func.layout.blocks() {
        starts[block] = position;
        position += func.layout.block_insts(block).count() as u32;
        for target in func.block_successors(block) {
            if starts[target] != u32::MAX {
                ends[target] = position;
            }
        }
        position += 1;
    }
    let headers = func.layout.blocks().filter(|&block| ends[block] > 0);
    let mut loops: Vec<Loop> = headers
        .map(|block| Loop {
            start: starts[block],
            end: ends[block],
        })
        .collect();
    // What is alive in an inner loop is alive in the outer, even if that is left from the inner.
    let mut open: Vec<usize> = Vec::new();
    for inner in 0..loops.len() {
        let Loop { start, end } = loops[inner];
        while open.last().is_some_and(|&outer| loops[outer].end < start) {
            open.pop();
        }
        for &outer in open.iter().rev() {
            if loops[outer].end >= end {
                break;
            }
            loops[outer].end = end;
        }
        open.push(inner);
    }
    loops
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::ir::{AbiParam, InstBuilder, Signature, types};
    use cranelift_codegen::isa::CallConv;
    use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

    /// A function with a parameter, whose body `body` writes.
    fn function(body: impl FnOnce(&mut FunctionBuilder<'_>, Value)) -> Function {
        let mut signature = Signature::new(CallConv::SystemV);
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
        func
    }

    /// So many values, of which each is used again `distance` values later.
    fn spread(values: usize, distance: usize) -> Function {
        function(|builder, param| {
            let mut all = vec![param];
            for i in 0..values {
                let old = all[i.saturating_sub(distance)];
                all.push(builder.ins().iadd(old, param));
            }
        })
    }

    fn chosen(func: Function) -> Allocator {
        let mut context = Context::for_function(func);
        context.compute_cfg();
        context.compute_domtree();
        allocator(&context)
    }

    /// So many calls that take and give so many values.
    fn calls(count: usize, width: usize) -> Function {
        function(|builder, param| {
            let mut signature = Signature::new(CallConv::Tail);
            signature.params = vec![AbiParam::new(types::I32); width];
            signature.returns = signature.params.clone();
            let signature = builder.import_signature(signature);
            let code = builder.ins().iconst(types::I64, 0);
            let mut values = vec![param; width];
            for _ in 0..count {
                let call = builder.ins().call_indirect(signature, code, &values);
                values = builder.inst_results(call).to_vec();
            }
        })
    }

    #[test]
    fn a_value_is_alive_from_its_definition_to_its_last_use() {
        let func = function(|builder, param| {
            let value = builder.ins().iadd(param, param);
            builder.ins().iadd(value, value);
            builder.ins().iadd(param, value);
        });
        let ranges = LiveRanges::of(&func);
        // The parameter from 0 to 3, the value from 1 to 3.
        assert_eq!(ranges.length, 3 + 2);
    }

    #[test]
    fn a_value_used_in_a_loop_is_alive_to_its_end() {
        let func = function(|builder, param| {
            let value = builder.ins().iadd(param, param);
            let [header, next, exit] = [(); 3].map(|()| builder.create_block());
            builder.ins().jump(header, &[]);
            builder.switch_to_block(header);
            builder.ins().iadd(value, value);
            builder.ins().brif(param, exit, &[], next, &[]);
            builder.switch_to_block(next);
            builder.ins().brif(param, header, &[], exit, &[]);
            builder.switch_to_block(exit);
        });
        // Positions: add 1, jump 2, header at 3, add 4, branch 5, next at 6, branch 7.
        assert_eq!(LiveRanges::of(&func).length, 7 + 6);
    }

    #[test]
    fn length_does_not_make_the_single_pass() {
        let func = spread(100_000, 400);
        assert!(!is_small(&func));
        assert_eq!(chosen(func), Allocator::Backtracking);
    }

    #[test]
    fn very_many_live_values_make_it() {
        assert_eq!(chosen(spread(20_000, 5000)), Allocator::SinglePass);
        // As many a time, but not for long.
        assert!(is_small(&spread(3000, 1500)));
    }

    #[test]
    fn calls_that_pass_very_many_values_on_the_stack_make_the_single_pass() {
        for (count, width) in [(100, 500), (1000, 60), (40, 1000)] {
            let func = calls(count, width);
            assert!(!is_small(&func), "{count} of {width}");
            assert_eq!(chosen(func), Allocator::SinglePass, "{count} of {width}");
        }
    }

    #[test]
    fn calls_as_compilers_write_them_do_not() {
        for (count, width) in [(3000, 8), (1000, 20), (10, 1000)] {
            let func = calls(count, width);
            assert_eq!(chosen(func), Allocator::Backtracking, "{count} of {width}");
        }
        assert!(is_small(&calls(100, 8)));
    }
}

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
//! What is measured is the optimised function, since common subexpressions and hoisting make live
//! ranges longer. Time must therefore be kept by optimising first and finishing with an ISA of
//! other settings ([`Finishing`]); small functions go the direct way.

use anyhow::Result;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Block, Function, Value};
use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};
use cranelift_codegen::{CodegenError, Context};

/// Values alive, on average over a function's instructions, above which its registers are
/// allocated in a single pass. An interpreter's main loop has some dozens, the largest that we
/// know of a few hundred. Spilled values don't share stack slots there, so it must be well above.
const MAX_MEAN_PRESSURE: u64 = 512;
/// A total length of live ranges, in instructions, that the backtracking allocator may have in
/// any case: it takes some tenths of a second for it.
const ALWAYS_BACKTRACKING: u64 = 1 << 24;

/// A register allocator.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Allocator {
    /// Better code; time grows with the length of live ranges.
    Backtracking,
    /// Time grows with the number of instructions.
    SinglePass,
}

/// ISAs that do what is left to be done for an optimised function.
pub(crate) struct Finishing {
    backtracking: OwnedTargetIsa,
    single_pass: OwnedTargetIsa,
}

impl Finishing {
    /// Makes both of the ISAs.
    ///
    /// # Errors
    /// What `build` fails with.
    pub(crate) fn new(build: impl Fn(Allocator) -> Result<OwnedTargetIsa>) -> Result<Finishing> {
        Ok(Finishing {
            backtracking: build(Allocator::Backtracking)?,
            single_pass: build(Allocator::SinglePass)?,
        })
    }

    fn isa(&self, allocator: Allocator) -> &dyn TargetIsa {
        match allocator {
            Allocator::Backtracking => &*self.backtracking,
            Allocator::SinglePass => &*self.single_pass,
        }
    }
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
) -> Result<(), CodegenError> {
    let isa = if is_small(&context.func) {
        isa
    } else {
        context.optimize(isa, control)?;
        finishing.isa(allocator(&context.func))
    };
    match context.compile(isa, control) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.inner),
    }
}

/// Whether its live ranges can't come to [`ALWAYS_BACKTRACKING`].
fn is_small(func: &Function) -> bool {
    func.dfg.num_insts() as u64 * func.dfg.num_values() as u64 <= ALWAYS_BACKTRACKING
}

/// The allocator for an optimised function.
fn allocator(func: &Function) -> Allocator {
    let ranges = LiveRanges::of(func);
    if ranges.length > ALWAYS_BACKTRACKING.max(MAX_MEAN_PRESSURE * ranges.instructions) {
        Allocator::SinglePass
    } else {
        Allocator::Backtracking
    }
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

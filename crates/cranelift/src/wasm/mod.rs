//! Translation of wasm function bodies to CLIF.
//!
//! [`translate_function`] is the way in. It goes over a body's operators once: `wasmparser`
//! validates each, then [`FuncTranslator::operator`](function::FuncTranslator) hands it to the
//! group it belongs to, each in a file of its own. What comes before (sections, types) is
//! `threadline_environ`'s; what comes after (machine code, relocations) is the compiler's.
//!
//! Fields of the structures shared with the runtime are accessed through `crate::vm_access`
//! alone. Nothing here recurses over the nesting of blocks.

mod atomic;
mod bounds_check;
mod bulk;
mod bulk_fuel;
mod bulk_memory;
mod call;
mod control;
mod env;
mod epoch;
mod exception;
mod fuel;
mod function;
mod global;
mod inline;
mod memory;
mod null;
mod numeric;
mod reference;
mod simd;
mod stack_locals;
mod table;
mod unreachable;
mod value_stack;
mod wide_arithmetic;

#[cfg(test)]
mod tests;

pub(crate) use env::{ModuleEnv, ModuleEnvs};
pub(crate) use exception::ClauseTag;
pub(crate) use function::{Scratch, Translated, translate_function};
pub(crate) use inline::InlinedCalls;
pub(crate) use stack_locals::LocalsIn;

use function::FuncTranslator;
use threadline_environ::{Error, Result};
use wasmparser::Operator;

impl FuncTranslator<'_, '_> {
    /// Translates a validated operator. The groups are asked in turn, the commonest first.
    ///
    /// # Errors
    /// If the operator belongs to a proposal that is not built, or makes the function too large.
    fn operator(&mut self, operator: &Operator<'_>, offset: u64) -> Result<()> {
        if !self.reachable {
            return self.unreachable_operator(operator);
        }
        let translated = self.local_operator(operator)
            || self.numeric_operator(operator)
            || self.memory_operator(operator)?
            || self.control_operator(operator)?
            || self.call_operator(operator)?
            || self.exception_operator(operator)?
            || self.global_operator(operator)
            || self.reference_operator(operator)?
            || self.null_operator(operator)?
            || self.table_operator(operator)
            || self.bulk_operator(operator)
            || self.atomic_operator(operator)?
            || self.simd_operator(operator)?
            || self.wide_arithmetic_operator(operator);
        if translated {
            return Ok(());
        }
        Err(Error::unsupported(
            format!("the operator {operator:?}"),
            offset,
        ))
    }
}

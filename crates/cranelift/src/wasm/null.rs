//! `ref.as_non_null`, `br_on_null`, `br_on_non_null`: operators that ask whether a reference is
//! null, which is 0.

use super::function::FuncTranslator;
use crate::signature::POINTER;
use crate::trap;
use cranelift_codegen::ir::InstBuilder;
use cranelift_codegen::ir::condcodes::IntCC;
use threadline_environ::{Result, TrapCode};
use wasmparser::Operator;

impl FuncTranslator<'_, '_> {
    pub(super) fn null_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        match *operator {
            Operator::RefAsNonNull => self.ref_as_non_null(),
            Operator::BrOnNull { relative_depth } => self.br_on_null(relative_depth)?,
            Operator::BrOnNonNull { relative_depth } => self.br_on_non_null(relative_depth)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn ref_as_non_null(&mut self) {
        let reference = self.pop();
        let code = trap::to_cranelift(TrapCode::NullReference);
        self.builder.ins().trapz(reference, code);
        self.push(reference);
    }

    /// The reference goes on only where the branch isn't taken.
    fn br_on_null(&mut self, relative_depth: u32) -> Result<()> {
        let reference = self.pop();
        let null = self.builder.ins().iconst(POINTER, 0);
        let is_null = self.builder.ins().icmp(IntCC::Equal, reference, null);
        self.branch_if(is_null, relative_depth)?;
        self.push(reference);
        Ok(())
    }

    /// The reference goes on only where the branch is taken.
    fn br_on_non_null(&mut self, relative_depth: u32) -> Result<()> {
        let reference = self.pop();
        self.push(reference);
        self.branch_if(reference, relative_depth)?;
        self.pop();
        Ok(())
    }
}

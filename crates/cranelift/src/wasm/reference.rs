//! `ref.null`, `ref.is_null`, `ref.func`, and the operators that take a value of any type.
//!
//! Null is 0 for both kinds of reference: no `VMFuncRef` and no handle has that value.

use super::function::FuncTranslator;
use crate::signature::POINTER;
use crate::vm_access;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, types};
use threadline_environ::{Error, FuncIndex, Result};
use wasmparser::Operator;

impl FuncTranslator<'_, '_> {
    pub(super) fn reference_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        match *operator {
            Operator::Drop => {
                self.pop();
            }
            Operator::Select | Operator::TypedSelect { .. } => self.select(),
            Operator::RefNull { .. } => self.ref_null(),
            Operator::RefIsNull => self.ref_is_null(),
            Operator::RefFunc { function_index } => {
                self.ref_func(FuncIndex::from_u32(function_index))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn select(&mut self) {
        let condition = self.pop();
        let otherwise = self.pop_passable();
        let then = self.pop_passable();
        let value = self.builder.ins().select(condition, then, otherwise);
        self.push(value);
    }

    fn ref_null(&mut self) {
        let null = self.builder.ins().iconst(POINTER, 0);
        self.push(null);
    }

    fn ref_is_null(&mut self) {
        let reference = self.pop();
        let null = self.builder.ins().iconst(types::I64, 0);
        let is_null = self.builder.ins().icmp(IntCC::Equal, reference, null);
        self.push_bool(is_null);
    }

    /// The validator lets through only functions that are declared as referred to, and those
    /// have a `VMFuncRef`.
    fn ref_func(&mut self, func: FuncIndex) -> Result<()> {
        let Some(func_ref) = self.env.module().functions[func].func_ref else {
            let offset = u64::from(self.builder.srcloc().bits());
            return Err(Error::invalid("undeclared function reference", offset));
        };
        let layout = self.env.layout;
        let mut pos = self.builder.cursor();
        let address = vm_access::func_ref_address(&mut pos, layout, func_ref, self.vmctx);
        self.push(address);
        Ok(())
    }
}

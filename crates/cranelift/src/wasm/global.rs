//! `global.get` and `global.set`.

use super::function::FuncTranslator;
use crate::vm_access;
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{InstBuilder, Value, types};
use threadline_environ::GlobalIndex;
use threadline_environ::module::ConstOp;
use wasmparser::Operator;

impl FuncTranslator<'_, '_> {
    pub(super) fn global_operator(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::GlobalGet { global_index } => {
                self.global_get(GlobalIndex::from_u32(global_index));
            }
            Operator::GlobalSet { global_index } => {
                self.global_set(GlobalIndex::from_u32(global_index));
            }
            _ => return false,
        }
        true
    }

    fn global_get(&mut self, index: GlobalIndex) {
        let value = match self.env.constant_global(index) {
            Some(op) => self.constant(op),
            None => None,
        };
        let value = value.unwrap_or_else(|| {
            let (definition, place) = self.env.global(index);
            let mut pos = self.builder.cursor();
            let base = definition.base(&mut pos, self.vmctx);
            vm_access::load(&mut pos, place, base)
        });
        self.push(value);
    }

    fn global_set(&mut self, index: GlobalIndex) {
        let value = self.pop_passable();
        let (definition, place) = self.env.global(index);
        let mut pos = self.builder.cursor();
        let base = definition.base(&mut pos, self.vmctx);
        vm_access::store(&mut pos, place, value, base);
    }

    /// A numeric constant; `None` for other operators.
    fn constant(&mut self, op: ConstOp) -> Option<Value> {
        let ins = self.builder.ins();
        Some(match op {
            ConstOp::I32Const(value) => ins.iconst(types::I32, i64::from(value)),
            ConstOp::I64Const(value) => ins.iconst(types::I64, value),
            ConstOp::F32Const(bits) => ins.f32const(Ieee32::with_bits(bits)),
            ConstOp::F64Const(bits) => ins.f64const(Ieee64::with_bits(bits)),
            _ => return None,
        })
    }
}

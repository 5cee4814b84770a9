//! Constant expressions: first values of globals, offsets of segments, elements.

use super::TypeSpace;
use crate::Proposal;
use crate::error::{Error, Result};
use crate::index::{FuncIndex, GlobalIndex};
use crate::types::HeapType;
use serde::{Deserialize, Serialize};

/// A validated constant expression in postfix order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConstExpr {
    #[serde(with = "crate::serial::small")]
    ops: smallvec::SmallVec<[ConstOp; 1]>,
}

/// An operator of a constant expression.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConstOp {
    /// `i32.const`.
    I32Const(i32),
    /// `i64.const`.
    I64Const(i64),
    /// `f32.const`, as bits.
    F32Const(u32),
    /// `f64.const`, as bits.
    F64Const(u64),
    /// `v128.const`, little-endian.
    V128Const([u8; 16]),
    /// `global.get` of a global that comes earlier.
    GlobalGet(GlobalIndex),
    /// `ref.null`.
    RefNull(HeapType),
    /// `ref.func`.
    RefFunc(FuncIndex),
    /// `i32.add`.
    I32Add,
    /// `i32.sub`.
    I32Sub,
    /// `i32.mul`.
    I32Mul,
    /// `i64.add`.
    I64Add,
    /// `i64.sub`.
    I64Sub,
    /// `i64.mul`.
    I64Mul,
}

impl ConstExpr {
    /// Reads an expression that `wasmparser` has validated or will validate, in a module with
    /// these types.
    ///
    /// # Errors
    /// If it uses an operator of a proposal that is not built yet.
    pub fn parse(expr: &wasmparser::ConstExpr<'_>, types: &TypeSpace) -> Result<ConstExpr> {
        use wasmparser::Operator;
        let mut ops = smallvec::SmallVec::new();
        let mut reader = expr.get_operators_reader();
        loop {
            let (op, offset) = reader.read_with_offset()?;
            ops.push(match op {
                Operator::I32Const { value } => ConstOp::I32Const(value),
                Operator::I64Const { value } => ConstOp::I64Const(value),
                Operator::F32Const { value } => ConstOp::F32Const(value.bits()),
                Operator::F64Const { value } => ConstOp::F64Const(value.bits()),
                Operator::V128Const { value } => ConstOp::V128Const(*value.bytes()),
                Operator::GlobalGet { global_index } => {
                    ConstOp::GlobalGet(GlobalIndex::from_u32(global_index))
                }
                Operator::RefNull { hty } => {
                    ConstOp::RefNull(super::translate::heap_type(types, hty, offset)?)
                }
                Operator::RefFunc { function_index } => {
                    ConstOp::RefFunc(FuncIndex::from_u32(function_index))
                }
                Operator::I32Add => ConstOp::I32Add,
                Operator::I32Sub => ConstOp::I32Sub,
                Operator::I32Mul => ConstOp::I32Mul,
                Operator::I64Add => ConstOp::I64Add,
                Operator::I64Sub => ConstOp::I64Sub,
                Operator::I64Mul => ConstOp::I64Mul,
                Operator::End => break,
                // All that others are valid by.
                _ => return Err(Error::unbuilt(Proposal::Gc, offset)),
            });
        }
        Ok(ConstExpr { ops })
    }

    /// A constant made by this crate rather than read.
    pub fn from_op(op: ConstOp) -> ConstExpr {
        ConstExpr {
            ops: smallvec::smallvec![op],
        }
    }

    /// Its operators, in postfix order.
    pub fn ops(&self) -> &[ConstOp] {
        &self.ops
    }
}

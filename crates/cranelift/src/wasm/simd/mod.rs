//! 128-bit vectors.

use super::function::FuncTranslator;
use cranelift_codegen::ir::{ConstantData, InstBuilder, Value, types};
use threadline_environ::Result;
use wasmparser::Operator;

impl FuncTranslator<'_, '_> {
    pub(super) fn simd_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        let _ = operator;
        Ok(false)
    }

    /// A constant, lane 0 first.
    pub(super) fn v128_constant(&mut self, bytes: &[u8; 16]) -> Value {
        let data = ConstantData::from(&bytes[..]);
        let constant = self.builder.func.dfg.constants.insert(data);
        self.builder.ins().vconst(types::I8X16, constant)
    }
}

//! The root's exports.

use super::Flattener;
use super::value::{Exports, Func, Value};
use crate::component::info::Export;
use crate::error::Result;

impl Flattener<'_, '_> {
    /// Writes the root's exports.
    pub(super) fn export_root(&mut self, exports: &Exports) -> Result<()> {
        self.component.exports = self.exports(exports, 0)?;
        Ok(())
    }

    /// `outer` is the offset of the export that these are in, for those that have none.
    fn exports(&mut self, exports: &Exports, outer: u64) -> Result<Vec<(String, Export)>> {
        let mut list = Vec::new();
        for (name, value, offset) in exports.iter() {
            // Shared instances are written out wherever they are exported.
            self.budget.export()?;
            self.budget.spend(name.len() / 16)?;
            let offset = if *offset == 0 { outer } else { *offset };
            list.push((name.to_string(), self.export(value, offset)?));
        }
        Ok(list)
    }

    fn export(&mut self, value: &Value, offset: u64) -> Result<Export> {
        match value {
            Value::Func(Func::Lifted(func)) => Ok(Export::LiftedFunction {
                ty: func.ty,
                func: func.core,
                options: func.options,
            }),
            Value::Func(Func::Imported(func)) => self.reexport(func),
            Value::Instance(exports) => Ok(Export::Instance(self.exports(exports, offset)?)),
            Value::Type(ty) => Ok(Export::Type(*ty)),
            Value::Module(module) => self.export_module(*module),
            Value::Component(component) => Ok(Export::Component(self.component_value(component)?)),
        }
    }
}

//! The root's exports.

use super::Flattener;
use super::value::{Exports, Func, ImportPath, Instance, Value, inconsistent};
use crate::component::info::Export;
use crate::component::types::ExternType;
use crate::error::{Error, Result};
use std::rc::Rc;

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
            Value::Func(Func::Imported(path)) => self.imported_export(path),
            Value::Instance(Instance::Exports(exports)) => {
                Ok(Export::Instance(self.exports(exports, offset)?))
            }
            Value::Instance(Instance::Imported(path)) => self.imported_export(path),
            Value::Type => Ok(Export::Type),
            Value::Module(_) => Err(Error::unsupported("the export of a core module", offset)),
            Value::Component(_) => Err(Error::unsupported("the export of a component", offset)),
        }
    }

    /// An import of the root that is exported again.
    fn imported_export(&mut self, path: &ImportPath) -> Result<Export> {
        let mut ty = &self.component.imports[path.import].1;
        for name in &path.path {
            let ExternType::Instance(exports) = ty else {
                return Err(inconsistent());
            };
            self.budget.spend(exports.len() / 16)?;
            let export = exports.iter().find(|(n, _)| **n == **name);
            ty = &export.ok_or_else(inconsistent)?.1;
        }
        let ty = ty.clone();
        self.imported_export_of_type(path, &ty)
    }

    fn imported_export_of_type(&mut self, path: &ImportPath, ty: &ExternType) -> Result<Export> {
        match ty {
            ExternType::Func(ty) => Ok(Export::ImportedFunction(self.runtime_import(path, *ty))),
            ExternType::Instance(exports) => {
                let mut list = Vec::with_capacity(exports.len());
                for (name, ty) in exports {
                    self.budget.export()?;
                    self.budget.spend(name.len() / 16)?;
                    let mut names = path.path.clone();
                    names.push(Rc::from(name.as_str()));
                    let inner = ImportPath {
                        import: path.import,
                        path: names,
                    };
                    list.push((name.clone(), self.imported_export_of_type(&inner, ty)?));
                }
                Ok(Export::Instance(list))
            }
            ExternType::Type => Ok(Export::Type),
        }
    }
}

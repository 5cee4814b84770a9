//! Components that the root imports, and instances of them.
//!
//! An imported component is known by its type alone. An instance of it is made by a step, and what
//! it exports is found by name, as what the host gives is.

use super::Flattener;
use super::scope::Scope;
use super::value::{ComponentValue, Exports, Func, ImportPath, Value, inconsistent};
use crate::component::component_type::{ComponentType, DeclaredType};
use crate::component::info::{
    Argument, ComponentImport, ImportSource, LinkedInstance, Resource, ResourceOrigin, Step,
};
use crate::component::types::{ExternType, TypeDef};
use crate::error::{Error, Result};
use crate::index::*;
use std::collections::BTreeMap;
use std::rc::Rc;
use wasmparser::component_types as wt;

impl Flattener<'_, '_> {
    /// A component that the host gives.
    pub(super) fn imported_component(
        &mut self,
        scope: &mut Scope<'_>,
        id: wt::ComponentTypeId,
        offset: u64,
    ) -> Result<(Value, ExternType)> {
        let ty = self.component_type(scope, id, offset)?;
        let index = self
            .component
            .component_imports
            .push(ComponentImport { ty });
        let value = Value::Component(ComponentValue::Imported(index));
        Ok((value, ExternType::Component(index)))
    }

    /// Makes an instance of an imported component, whose type is this in the scope.
    pub(super) fn link(
        &mut self,
        scope: &mut Scope<'_>,
        component: ComponentImportIndex,
        given: &BTreeMap<Rc<str>, Value>,
        ty: wt::ComponentInstanceTypeId,
    ) -> Result<Rc<Exports>> {
        self.budget.component_instance()?;
        let args = given.iter();
        let args = args.map(|(name, value)| Ok((name.to_string(), self.argument(value)?)));
        let args = args.collect::<Result<_>>()?;
        let instance = self.component.linked_instances.next_key();
        self.component.steps.push(Step::InstantiateComponent {
            instance,
            component,
            args,
        });
        let path = ImportPath {
            from: ImportSource::Instance(instance),
            path: Vec::new(),
        };
        let exports = self.imported_instance(scope, &path, ty, 0)?;
        let (Value::Instance(value), ExternType::Instance(exports)) = exports else {
            return Err(inconsistent());
        };
        self.component
            .linked_instances
            .push(LinkedInstance { exports });
        Ok(value)
    }

    /// What an imported component is given.
    fn argument(&mut self, value: &Value) -> Result<Argument> {
        // Shared instances are written out wherever they are given.
        self.budget.export()?;
        Ok(match value {
            Value::Func(Func::Imported(func)) => {
                Argument::ImportedFunction(self.runtime_import(func))
            }
            Value::Func(Func::Lifted(func)) => Argument::LiftedFunction {
                ty: func.ty,
                func: func.core,
                options: func.options,
            },
            Value::Instance(exports) => {
                let mut list = Vec::new();
                for (name, value, _) in exports.iter() {
                    list.push((name.to_string(), self.argument(value)?));
                }
                Argument::Instance(list)
            }
            Value::Type(ty) => Argument::Type(*ty),
            Value::Module(module) => {
                self.expose_module(*module);
                Argument::Module(*module)
            }
            Value::Component(component) => Argument::Component(self.component_value(component)?),
        })
    }

    /// Converts the type of a component.
    fn component_type(
        &mut self,
        scope: &mut Scope<'_>,
        id: wt::ComponentTypeId,
        offset: u64,
    ) -> Result<ComponentType> {
        let wasm_types = self.wasm_types;
        let ty = &wasm_types[id];
        let mut imports = Vec::with_capacity(ty.imports.len());
        for (name, item) in &ty.imports {
            imports.push((name.clone(), self.declared(scope, name, item.ty, offset)?));
        }
        let mut exports = Vec::with_capacity(ty.exports.len());
        for (name, item) in &ty.exports {
            exports.push((name.clone(), self.declared(scope, name, item.ty, offset)?));
        }
        Ok(ComponentType { imports, exports })
    }

    fn declared(
        &mut self,
        scope: &mut Scope<'_>,
        name: &str,
        ty: wt::ComponentEntityType,
        offset: u64,
    ) -> Result<DeclaredType> {
        self.budget.import()?;
        Ok(match ty {
            wt::ComponentEntityType::Func(id) => DeclaredType::Func(self.func_type(scope, id)?),
            wt::ComponentEntityType::Instance(id) => {
                let wasm_types = self.wasm_types;
                let exports = wasm_types[id].exports.iter().map(|(name, item)| {
                    Ok((name.clone(), self.declared(scope, name, item.ty, offset)?))
                });
                DeclaredType::Instance(exports.collect::<Result<_>>()?)
            }
            wt::ComponentEntityType::Type { created, .. } => {
                DeclaredType::Type(self.declared_type(scope, name, created)?)
            }
            wt::ComponentEntityType::Module(id) => {
                DeclaredType::Module(Box::new(self.module_type(id, offset)?))
            }
            wt::ComponentEntityType::Component(id) => {
                DeclaredType::Component(Box::new(self.component_type(scope, id, offset)?))
            }
            wt::ComponentEntityType::Value(_) => {
                return Err(Error::unsupported("`value`", offset));
            }
        })
    }

    /// A type in the type of a component: a resource type that is left open, or one that is known.
    fn declared_type(
        &mut self,
        scope: &mut Scope<'_>,
        name: &str,
        id: wt::ComponentAnyTypeId,
    ) -> Result<TypeDef> {
        if let wt::ComponentAnyTypeId::Resource(id) = id {
            let id = id.resource();
            if scope.types.resource(id).is_none() {
                let index = self.component.resources.push(Resource {
                    name: Some(name.to_owned()),
                    origin: ResourceOrigin::Abstract,
                });
                scope.types.bind(id, index);
            }
        }
        self.type_def(scope, id)
    }
}

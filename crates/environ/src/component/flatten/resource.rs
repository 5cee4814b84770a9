//! Types while a component is instantiated: which resource types there are, and what a type of
//! the definition means in the instance.

use super::Flattener;
use super::scope::Scope;
use super::value::{Exports, Func, ImportPath, ImportedFunc, Value, inconsistent};
use crate::component::definition::{CoreSort, ResourceFunc};
use crate::component::info::{CoreDef, ImportSource, Resource, ResourceOrigin, Step};
use crate::component::trampoline::{ResourceOp, ScopeOp, Trampoline};
use crate::component::types::{ExternType, TypeDef};
use crate::error::{Error, Result};
use crate::index::*;
use std::rc::Rc;
use wasmparser::component_types as wt;

/// Parts of types that are converted for one unit of work.
const PARTS_PER_UNIT: usize = 16;

/// Instances inside imported instances at most.
const MAX_IMPORT_DEPTH: usize = 50;

impl Flattener<'_, '_> {
    /// A resource type that an instance makes.
    pub(super) fn define_resource(
        &mut self,
        scope: &mut Scope<'_>,
        id: wt::ResourceId,
        dtor: Option<u32>,
    ) -> Result<()> {
        let dtor = match dtor {
            Some(index) => Some(scope.core(CoreSort::Func, index)?),
            None => None,
        };
        let adapted_dtor = match dtor {
            Some(dtor) => Some(self.adapt_dtor(scope.runtime_instance, dtor)?),
            None => None,
        };
        let index = self.component.resources.push(Resource {
            name: None,
            origin: ResourceOrigin::Defined {
                instance: scope.runtime_instance,
                dtor,
                adapted_dtor,
            },
        });
        self.component.steps.push(Step::Resource { index });
        scope.types.bind(id, index);
        Ok(())
    }

    /// Gives an exported resource type its name, unless it has one.
    pub(super) fn name_resource(&mut self, value: &Value, name: &str) {
        if let Value::Type(TypeDef::Resource(index)) = *value {
            let known = &mut self.component.resources[index].name;
            known.get_or_insert_with(|| name.to_owned());
        }
    }

    /// `canon resource.new`, `resource.rep` or `resource.drop`.
    pub(super) fn resource_func(
        &mut self,
        scope: &mut Scope<'_>,
        func: ResourceFunc,
        id: wt::ResourceId,
    ) -> Result<()> {
        let resource = scope.types.resource(id).ok_or_else(inconsistent)?;
        let op = match func {
            ResourceFunc::New => ResourceOp::New,
            ResourceFunc::Rep => ResourceOp::Rep,
            ResourceFunc::Drop => ResourceOp::Drop,
        };
        let def = self.resource_trampoline(op, scope.runtime_instance, resource);
        scope.core_funcs.push(def);
        Ok(())
    }

    /// What does something with handles of an instance.
    pub(super) fn resource_trampoline(
        &mut self,
        op: ResourceOp,
        instance: RuntimeComponentInstanceIndex,
        resource: ResourceIndex,
    ) -> CoreDef {
        let signature = self.signatures.intern(op.signature());
        self.trampoline(Trampoline::Resource {
            op,
            instance,
            resource,
            signature,
        })
    }

    /// What a call with borrowed handles does once; `lender` is the caller's instance.
    pub(super) fn scope_trampoline(
        &mut self,
        op: ScopeOp,
        lender: RuntimeComponentInstanceIndex,
    ) -> CoreDef {
        let signature = self.signatures.intern(op.signature());
        self.trampoline(Trampoline::BorrowScope {
            op,
            lender,
            signature,
        })
    }

    /// Converts the type of something that is lifted or lowered.
    pub(super) fn func_type(
        &mut self,
        scope: &mut Scope<'_>,
        id: wt::ComponentFuncTypeId,
    ) -> Result<ComponentFuncTypeIndex> {
        let before = self.types.converted;
        let index = self.types.func(self.wasm_types, &mut scope.types, id)?;
        self.budget
            .spend((self.types.converted - before) / PARTS_PER_UNIT)?;
        Ok(index)
    }

    /// What a type is in an instance.
    pub(super) fn type_def(
        &mut self,
        scope: &mut Scope<'_>,
        id: wt::ComponentAnyTypeId,
    ) -> Result<TypeDef> {
        match id {
            wt::ComponentAnyTypeId::Resource(id) => {
                let resource = scope.types.resource(id.resource());
                Ok(TypeDef::Resource(resource.ok_or_else(inconsistent)?))
            }
            wt::ComponentAnyTypeId::Defined(id) => {
                let before = self.types.converted;
                let ty = self.types.defined(self.wasm_types, &mut scope.types, id)?;
                self.budget
                    .spend((self.types.converted - before) / PARTS_PER_UNIT)?;
                Ok(TypeDef::Interface(ty))
            }
            wt::ComponentAnyTypeId::Func(_)
            | wt::ComponentAnyTypeId::Instance(_)
            | wt::ComponentAnyTypeId::Component(_) => Ok(TypeDef::Other),
        }
    }

    /// Takes note of what resource types are, from a value that the scope sees with this type.
    pub(super) fn bind_types(
        &mut self,
        scope: &mut Scope<'_>,
        ty: wt::ComponentEntityType,
        value: &Value,
    ) -> Result<()> {
        match (ty, value) {
            (
                wt::ComponentEntityType::Type {
                    created: wt::ComponentAnyTypeId::Resource(id),
                    ..
                },
                Value::Type(TypeDef::Resource(resource)),
            ) => {
                scope.types.bind(id.resource(), *resource);
                Ok(())
            }
            (wt::ComponentEntityType::Instance(id), Value::Instance(exports)) => {
                self.bind_instance(scope, id, exports)
            }
            _ => Ok(()),
        }
    }

    /// Takes note of what the resource types in an instance of this type are.
    pub(super) fn bind_instance(
        &mut self,
        scope: &mut Scope<'_>,
        id: wt::ComponentInstanceTypeId,
        exports: &Rc<Exports>,
    ) -> Result<()> {
        let wasm_types = self.wasm_types;
        let exported = &wasm_types[id].exports;
        self.budget.spend(exported.len() / PARTS_PER_UNIT)?;
        for (name, item) in exported {
            if let wt::ComponentEntityType::Type { .. } | wt::ComponentEntityType::Instance(_) =
                item.ty
            {
                let value = exports.get(name).ok_or_else(inconsistent)?;
                self.bind_types(scope, item.ty, value)?;
            }
        }
        Ok(())
    }

    /// An import of the root.
    pub(super) fn root_import(
        &mut self,
        scope: &mut Scope<'_>,
        name: &Rc<str>,
        ty: wt::ComponentEntityType,
        offset: u64,
    ) -> Result<Value> {
        let import = self.component.imports.next_key();
        let path = ImportPath {
            from: ImportSource::Host(import),
            path: Vec::new(),
        };
        let (value, ty) = self.imported(scope, path, ty, offset)?;
        self.component.imports.push((name.to_string(), ty));
        Ok(value)
    }

    /// What there is at a path, which has this type.
    fn imported(
        &mut self,
        scope: &mut Scope<'_>,
        path: ImportPath,
        ty: wt::ComponentEntityType,
        offset: u64,
    ) -> Result<(Value, ExternType)> {
        self.budget.import()?;
        match ty {
            wt::ComponentEntityType::Func(id) => {
                let ty = self.func_type(scope, id)?;
                let path = Rc::new(path);
                let func = Func::Imported(ImportedFunc { path, ty });
                Ok((Value::Func(func), ExternType::Func(ty)))
            }
            wt::ComponentEntityType::Instance(id) => {
                self.imported_instance(scope, &path, id, offset)
            }
            wt::ComponentEntityType::Type { created, .. } => {
                let ty = self.imported_type(scope, path, created)?;
                Ok((Value::Type(ty), ExternType::Type(ty)))
            }
            wt::ComponentEntityType::Module(id) => self.imported_module(id, offset),
            wt::ComponentEntityType::Component(id) => self.imported_component(scope, id, offset),
            wt::ComponentEntityType::Value(_) => Err(Error::unsupported("`value`", offset)),
        }
    }

    pub(super) fn imported_instance(
        &mut self,
        scope: &mut Scope<'_>,
        path: &ImportPath,
        id: wt::ComponentInstanceTypeId,
        offset: u64,
    ) -> Result<(Value, ExternType)> {
        if path.path.len() >= MAX_IMPORT_DEPTH {
            return Err(Error::TooLarge {
                message: format!("an import has instances more than {MAX_IMPORT_DEPTH} deep"),
            });
        }
        let mut exports = Exports::default();
        let mut types = Vec::new();
        let wasm_types = self.wasm_types;
        for (name, item) in &wasm_types[id].exports {
            let name: Rc<str> = Rc::from(name.as_str());
            let mut names = path.path.clone();
            names.push(name.clone());
            let inner = ImportPath {
                from: path.from,
                path: names,
            };
            let (value, ty) = self.imported(scope, inner, item.ty, offset)?;
            types.push((name.to_string(), ty));
            exports.add(name, value, offset)?;
        }
        let value = Value::Instance(Rc::new(exports));
        Ok((value, ExternType::Instance(types)))
    }

    /// A type that is imported: a new resource type, or one that is known.
    fn imported_type(
        &mut self,
        scope: &mut Scope<'_>,
        path: ImportPath,
        id: wt::ComponentAnyTypeId,
    ) -> Result<TypeDef> {
        if let wt::ComponentAnyTypeId::Resource(id) = id {
            let id = id.resource();
            if scope.types.resource(id).is_none() {
                let from = path.from;
                let path: Vec<String> = path.path.iter().map(|name| name.to_string()).collect();
                let resource = Resource {
                    name: path.last().cloned(),
                    origin: ResourceOrigin::Imported { from, path },
                };
                let index = self.component.resources.push(resource);
                scope.types.bind(id, index);
            }
        }
        self.type_def(scope, id)
    }
}

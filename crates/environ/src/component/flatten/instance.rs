//! Component instances, imports and closures.

use super::Flattener;
use super::scope::Scope;
use super::value::{Args, Closure, Exports, ImportPath, Instance, Value, inconsistent};
use crate::component::definition::{
    CaptureFrom, CaptureSort, InstanceDef, Sort, StaticComponentIndex,
};
use crate::component::types::ExternType;
use crate::error::Result;
use std::collections::BTreeMap;
use std::rc::Rc;

impl Flattener<'_, '_> {
    /// Makes a component instance in a component instance.
    pub(super) fn instance(
        &mut self,
        scope: &mut Scope<'_>,
        definition: &InstanceDef,
    ) -> Result<()> {
        let exports = match definition {
            InstanceDef::Instantiate { component, args } => {
                self.budget.spend(args.len())?;
                let component = scope.component(*component)?;
                let mut given = BTreeMap::new();
                for (name, sort, index) in args {
                    given.insert(name.clone(), scope.value(*sort, *index)?);
                }
                self.instantiate(&component, Args::Given(given), scope.depth + 1)?
            }
            InstanceDef::FromExports(list) => {
                self.budget.spend(list.len())?;
                let mut exports = Exports::default();
                for (name, sort, index) in list {
                    exports.add(name.clone(), scope.value(*sort, *index)?, 0)?;
                }
                exports
            }
        };
        scope.instances.push(Instance::Exports(Rc::new(exports)));
        Ok(())
    }

    /// Defines an import: an argument, or, in the root, what the host gives.
    pub(super) fn import(
        &mut self,
        scope: &mut Scope<'_>,
        name: &Rc<str>,
        sort: Sort,
        ty: Option<&ExternType>,
    ) -> Result<()> {
        let value = match &scope.args {
            Args::Given(args) => match args.get(name) {
                Some(value) => value.clone().of_sort(sort)?,
                None if sort == Sort::Type => Value::Type,
                None => return Err(inconsistent()),
            },
            Args::Root => {
                let ty = ty.ok_or_else(inconsistent)?;
                let import = (name.to_string(), ty.clone());
                let import = self.component.imports.push(import);
                let path = Vec::new();
                ImportPath { import, path }.value(sort)?
            }
        };
        scope.define(value);
        Ok(())
    }

    /// Defines an inner component, with what it captures.
    pub(super) fn close_over(
        &mut self,
        scope: &mut Scope<'_>,
        definition: StaticComponentIndex,
    ) -> Result<()> {
        let captures = &self.definitions.components[definition].captures;
        self.budget.spend(captures.len())?;
        let captures = captures
            .iter()
            .map(|capture| match (capture.from, capture.sort) {
                (CaptureFrom::Local(index), CaptureSort::Module) => {
                    scope.module(index).map(Value::Module)
                }
                (CaptureFrom::Local(index), CaptureSort::Component) => {
                    scope.component(index).map(Value::Component)
                }
                (CaptureFrom::Capture(place), _) => scope.capture(place),
            })
            .collect::<Result<_>>()?;
        scope.components.push(Rc::new(Closure {
            definition,
            captures,
        }));
        Ok(())
    }
}

//! Component instances, imports and closures.

use super::Flattener;
use super::scope::Scope;
use super::value::{Args, Closure, ComponentValue, Exports, Value, inconsistent};
use crate::component::definition::{
    CaptureFrom, CaptureSort, InstanceDef, Reference, Sort, StaticComponentIndex,
};
use crate::error::Result;
use std::collections::BTreeMap;
use std::rc::Rc;
use wasmparser::component_types as wt;

impl Flattener<'_, '_> {
    /// Makes a component instance in a component instance.
    pub(super) fn instance(
        &mut self,
        scope: &mut Scope<'_>,
        definition: &InstanceDef,
        ty: wt::ComponentInstanceTypeId,
    ) -> Result<()> {
        let exports = match definition {
            InstanceDef::Instantiate { component, args } => {
                self.budget.spend(args.len())?;
                let component = scope.component(*component)?;
                let mut given = BTreeMap::new();
                for (name, item) in args {
                    given.insert(name.clone(), self.value(scope, item)?);
                }
                match component {
                    ComponentValue::Closure(component) => {
                        self.instantiate(&component, Args::Given(given), scope.depth + 1)?
                    }
                    ComponentValue::Imported(component) => {
                        let linked = self.link(scope, component, &given, ty)?;
                        scope.instances.push(linked);
                        return Ok(());
                    }
                }
            }
            InstanceDef::FromExports(list) => {
                self.budget.spend(list.len())?;
                let mut exports = Exports::default();
                for (name, item) in list {
                    let value = self.value(scope, item)?;
                    exports.add(name.clone(), value, 0)?;
                }
                exports
            }
        };
        let instance = Rc::new(exports);
        // The resource types that the new instance made are new ones here.
        self.bind_instance(scope, ty, &instance)?;
        scope.instances.push(instance);
        Ok(())
    }

    /// Defines an import: an argument, or, in the root, what the host gives.
    pub(super) fn import(
        &mut self,
        scope: &mut Scope<'_>,
        name: &Rc<str>,
        sort: Sort,
        ty: wt::ComponentEntityType,
        offset: u64,
    ) -> Result<()> {
        let value = match &scope.args {
            Args::Given(args) => {
                let value = args.get(name).cloned();
                let value = value.ok_or_else(inconsistent)?.of_sort(sort)?;
                self.bind_types(scope, ty, &value)?;
                value
            }
            Args::Root => self.root_import(scope, name, ty, offset)?,
        };
        scope.define(value);
        Ok(())
    }

    /// What something in an index space is.
    pub(super) fn value(&mut self, scope: &mut Scope<'_>, item: &Reference) -> Result<Value> {
        Ok(match item.sort {
            Sort::Module => Value::Module(scope.module(item.index)?),
            Sort::Component => Value::Component(scope.component(item.index)?),
            Sort::Func => Value::Func(scope.func(item.index)?.clone()),
            Sort::Instance => Value::Instance(scope.instance(item.index)?.clone()),
            Sort::Type => Value::Type(self.type_def(scope, item.ty.ok_or_else(inconsistent)?)?),
        })
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
        let closure = Rc::new(Closure {
            definition,
            captures,
        });
        scope.components.push(ComponentValue::Closure(closure));
        Ok(())
    }
}

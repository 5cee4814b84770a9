//! The index spaces of a component that is being instantiated.

use super::value::{
    Args, Closure, ComponentValue, CoreInstance, Exports, Func, Value, inconsistent,
};
use crate::component::definition::{CaptureSort, CoreSort, Sort};
use crate::component::info::{CoreDef, ExportedModule};
use crate::component::intern::ResourceScope;
use crate::error::Result;
use crate::index::*;
use std::rc::Rc;

/// A component's index spaces so far.
pub(super) struct Scope<'c> {
    /// The component instance being made.
    pub(super) runtime_instance: RuntimeComponentInstanceIndex,
    /// What it is an instance of.
    closure: &'c Closure,
    /// What its imports get.
    pub(super) args: Args,
    /// How deep this instantiation is in others.
    pub(super) depth: u32,
    pub(super) modules: Vec<ExportedModule>,
    pub(super) components: Vec<ComponentValue>,
    pub(super) core_funcs: Vec<CoreDef>,
    core_tables: Vec<CoreDef>,
    core_memories: Vec<CoreDef>,
    core_globals: Vec<CoreDef>,
    core_tags: Vec<CoreDef>,
    pub(super) core_instances: Vec<CoreInstance>,
    pub(super) funcs: Vec<Func>,
    pub(super) instances: Vec<Rc<Exports>>,
    /// What types mean in it.
    pub(super) types: ResourceScope,
    /// What it exports so far.
    pub(super) exports: Exports,
}

impl<'c> Scope<'c> {
    pub(super) fn new(
        runtime_instance: RuntimeComponentInstanceIndex,
        closure: &'c Closure,
        args: Args,
        depth: u32,
    ) -> Scope<'c> {
        Scope {
            runtime_instance,
            closure,
            args,
            depth,
            modules: Vec::new(),
            components: Vec::new(),
            core_funcs: Vec::new(),
            core_tables: Vec::new(),
            core_memories: Vec::new(),
            core_globals: Vec::new(),
            core_tags: Vec::new(),
            core_instances: Vec::new(),
            funcs: Vec::new(),
            instances: Vec::new(),
            types: ResourceScope::default(),
            exports: Exports::default(),
        }
    }

    /// Adds a value to the index space of its sort.
    pub(super) fn define(&mut self, value: Value) {
        match value {
            Value::Module(module) => self.modules.push(module),
            Value::Component(component) => self.components.push(component),
            Value::Func(func) => self.funcs.push(func),
            Value::Instance(instance) => self.instances.push(instance),
            Value::Type(_) => {}
        }
    }

    /// Defines something captured from around the component.
    pub(super) fn captured(&mut self, sort: CaptureSort, place: usize) -> Result<()> {
        let value = self.capture(place)?;
        let sort = match sort {
            CaptureSort::Module => Sort::Module,
            CaptureSort::Component => Sort::Component,
        };
        self.define(value.of_sort(sort)?);
        Ok(())
    }

    /// Something captured from around the component.
    pub(super) fn capture(&self, place: usize) -> Result<Value> {
        self.closure
            .captures
            .get(place)
            .cloned()
            .ok_or_else(inconsistent)
    }

    pub(super) fn module(&self, index: u32) -> Result<ExportedModule> {
        get(&self.modules, index).copied()
    }

    pub(super) fn component(&self, index: u32) -> Result<ComponentValue> {
        get(&self.components, index).cloned()
    }

    pub(super) fn func(&self, index: u32) -> Result<&Func> {
        get(&self.funcs, index)
    }

    pub(super) fn instance(&self, index: u32) -> Result<&Rc<Exports>> {
        get(&self.instances, index)
    }

    pub(super) fn core_instance(&self, index: u32) -> Result<&CoreInstance> {
        get(&self.core_instances, index)
    }

    /// What a core index of this sort refers to.
    pub(super) fn core(&self, sort: CoreSort, index: u32) -> Result<CoreDef> {
        let space = match sort {
            CoreSort::Func => &self.core_funcs,
            CoreSort::Table => &self.core_tables,
            CoreSort::Memory => &self.core_memories,
            CoreSort::Global => &self.core_globals,
            CoreSort::Tag => &self.core_tags,
        };
        get(space, index).copied()
    }

    /// The index space of this sort.
    pub(super) fn core_space(&mut self, sort: CoreSort) -> &mut Vec<CoreDef> {
        match sort {
            CoreSort::Func => &mut self.core_funcs,
            CoreSort::Table => &mut self.core_tables,
            CoreSort::Memory => &mut self.core_memories,
            CoreSort::Global => &mut self.core_globals,
            CoreSort::Tag => &mut self.core_tags,
        }
    }
}

fn get<T>(space: &[T], index: u32) -> Result<&T> {
    space.get(index as usize).ok_or_else(inconsistent)
}

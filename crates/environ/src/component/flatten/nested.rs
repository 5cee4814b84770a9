//! Components of the binary that are values at run time: those that the root exports, and those
//! that it gives to imported components.
//!
//! Each is flattened and compiled by itself, as if it were the root, with copies of the modules
//! that are in it, or that it uses from around it. What it uses from around it that is imported is
//! known at run time alone, and is among its imports, but without a name
//! ([`NestedComponent`]).

use super::value::{Closure, ComponentValue, Value, inconsistent};
use super::{Flattener, Input};
use crate::Translation;
use crate::component::definition::{Item, StaticComponentIndex};
use crate::component::info::{
    ComponentImport, ExportedComponent, ExportedModule, ModuleImport, NestedComponent,
};
use crate::error::{Error, Result};
use crate::index::*;
use crate::module::ModuleTranslation;
use cranelift_entity::PrimaryMap;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Bytes of a module that are compiled once more for one unit of work.
const BYTES_PER_UNIT: usize = 64;

/// Function types that are copied for one unit of work.
const TYPES_PER_UNIT: usize = 16;

/// Components inside components, and using others from around them, at most.
const MAX_DEPTH: u32 = 100;

/// The components that are values, each once.
#[derive(Default)]
pub(super) struct Nested {
    closures: PrimaryMap<NestedComponentIndex, Rc<Closure>>,
    known: BTreeMap<*const Closure, NestedComponentIndex>,
}

impl<'data> Flattener<'_, 'data> {
    /// A component as something that others can be given.
    pub(super) fn component_value(
        &mut self,
        component: &ComponentValue,
    ) -> Result<ExportedComponent> {
        Ok(match component {
            ComponentValue::Imported(index) => ExportedComponent::Imported(*index),
            ComponentValue::Closure(closure) => {
                let Nested { closures, known } = &mut self.nested;
                let index = known.entry(Rc::as_ptr(closure));
                let index = index.or_insert_with(|| closures.push(closure.clone()));
                ExportedComponent::Nested(*index)
            }
        })
    }

    /// What a module of the definitions is here.
    pub(super) fn own_module(&self, index: StaticModuleIndex) -> Result<StaticModuleIndex> {
        match &self.module_numbers {
            Some(numbers) => numbers.get(&index).copied().ok_or_else(inconsistent),
            None => Ok(index),
        }
    }

    /// Flattens the components that are values. Nothing has been noted in the modules yet that
    /// holds in this component alone.
    pub(super) fn flatten_nested(
        &mut self,
    ) -> Result<PrimaryMap<NestedComponentIndex, Translation<'data>>> {
        let closures = std::mem::take(&mut self.nested.closures);
        let mut translations = PrimaryMap::with_capacity(closures.len());
        for closure in closures.values() {
            translations.push(self.flatten_closure(closure)?);
        }
        Ok(translations)
    }

    fn flatten_closure(&mut self, closure: &Rc<Closure>) -> Result<Translation<'data>> {
        let mut copy = Copy {
            from: self,
            modules: PrimaryMap::new(),
            copied: BTreeMap::new(),
            numbers: BTreeMap::new(),
            seen: BTreeSet::new(),
            closures: BTreeMap::new(),
            module_imports: PrimaryMap::new(),
            component_imports: PrimaryMap::new(),
        };
        let closure = copy.closure(closure, 0)?;
        let Copy {
            modules,
            numbers,
            module_imports,
            component_imports,
            ..
        } = copy;
        self.budget.spend(self.signatures.len() / TYPES_PER_UNIT)?;
        let input = Input {
            definitions: self.definitions,
            root: closure.definition,
            types: self.wasm_types,
            signatures: self.signatures.clone(),
            modules,
        };
        let mut nested = Flattener::new(input, std::mem::take(&mut self.budget));
        nested.module_numbers = Some(numbers);
        nested.may_throw |= !module_imports.is_empty() || !component_imports.is_empty();
        let mut description = NestedComponent::default();
        for (index, &captured) in &module_imports {
            let ty = self.component.module_imports[captured].ty.clone();
            nested.component.module_imports.push(ModuleImport { ty });
            description.modules.push((index, captured));
        }
        for (index, &captured) in &component_imports {
            let ty = self.component.component_imports[captured].ty.clone();
            nested
                .component
                .component_imports
                .push(ComponentImport { ty });
            description.components.push((index, captured));
        }
        self.component.nested.push(description);
        let (translation, budget) = nested.flatten(&closure)?;
        self.budget = budget;
        Ok(translation)
    }
}

/// A component on its way to where it stands by itself.
struct Copy<'a, 'd, 'data> {
    from: &'a mut Flattener<'d, 'data>,
    /// The modules that go with it.
    modules: PrimaryMap<StaticModuleIndex, ModuleTranslation<'data>>,
    /// Which those are here.
    copied: BTreeMap<StaticModuleIndex, StaticModuleIndex>,
    /// Which those are in the definitions.
    numbers: BTreeMap<StaticModuleIndex, StaticModuleIndex>,
    /// Definitions whose modules have been copied.
    seen: BTreeSet<StaticComponentIndex>,
    closures: BTreeMap<*const Closure, Rc<Closure>>,
    /// What goes with it that is imported here.
    module_imports: PrimaryMap<ModuleImportIndex, ModuleImportIndex>,
    component_imports: PrimaryMap<ComponentImportIndex, ComponentImportIndex>,
}

impl Copy<'_, '_, '_> {
    fn closure(&mut self, closure: &Rc<Closure>, depth: u32) -> Result<Rc<Closure>> {
        if let Some(known) = self.closures.get(&Rc::as_ptr(closure)) {
            return Ok(known.clone());
        }
        if depth > MAX_DEPTH {
            return Err(Error::TooLarge {
                message: format!("components use others more than {MAX_DEPTH} deep"),
            });
        }
        self.definition(closure.definition)?;
        let captures = closure.captures.iter();
        let captures = captures.map(|value| self.captured(value, depth + 1));
        let copy = Rc::new(Closure {
            definition: closure.definition,
            captures: captures.collect::<Result<_>>()?,
        });
        self.closures.insert(Rc::as_ptr(closure), copy.clone());
        Ok(copy)
    }

    fn captured(&mut self, value: &Value, depth: u32) -> Result<Value> {
        Ok(match value {
            Value::Module(ExportedModule::Defined(index)) => {
                Value::Module(ExportedModule::Defined(self.module(*index)?))
            }
            Value::Module(ExportedModule::Imported(index)) => {
                let known = find(&self.module_imports, index);
                let copy = known.unwrap_or_else(|| self.module_imports.push(*index));
                Value::Module(ExportedModule::Imported(copy))
            }
            Value::Component(ComponentValue::Closure(closure)) => {
                let closure = self.closure(closure, depth)?;
                Value::Component(ComponentValue::Closure(closure))
            }
            Value::Component(ComponentValue::Imported(index)) => {
                let known = find(&self.component_imports, index);
                let copy = known.unwrap_or_else(|| self.component_imports.push(*index));
                Value::Component(ComponentValue::Imported(copy))
            }
            Value::Func(_) | Value::Instance(_) | Value::Type(_) => return Err(inconsistent()),
        })
    }

    /// Copies the modules in a component and in those inside it.
    fn definition(&mut self, index: StaticComponentIndex) -> Result<()> {
        if !self.seen.insert(index) {
            return Ok(());
        }
        let definitions = self.from.definitions;
        for item in &definitions.components[index].items {
            self.from.budget.spend(1)?;
            match item {
                Item::Module(index) => {
                    let own = self.from.own_module(*index)?;
                    let copy = self.module(own)?;
                    self.numbers.insert(*index, copy);
                }
                Item::Component(index) => self.definition(*index)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn module(&mut self, index: StaticModuleIndex) -> Result<StaticModuleIndex> {
        if let Some(&copy) = self.copied.get(&index) {
            return Ok(copy);
        }
        let module = &self.from.modules[index];
        self.from
            .budget
            .spend(1 + module.bytes.len() / BYTES_PER_UNIT)?;
        let copy = self.modules.push(module.clone());
        self.copied.insert(index, copy);
        Ok(copy)
    }
}

/// The place of something in a short list.
fn find<K: cranelift_entity::EntityRef, V: PartialEq>(
    map: &PrimaryMap<K, V>,
    value: &V,
) -> Option<K> {
    map.iter().find(|(_, v)| *v == value).map(|(k, _)| k)
}

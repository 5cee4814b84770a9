//! What the index spaces of a component hold while it is instantiated at compile time.

use super::budget::MAX_DEPTH;
use crate::component::definition::{Sort, StaticComponentIndex};
use crate::component::info::{CoreDef, ExportedModule, ImportSource};
use crate::component::types::TypeDef;
use crate::error::{Error, Result};
use crate::index::*;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Anything that can be imported or exported.
#[derive(Clone)]
pub(super) enum Value {
    Module(ExportedModule),
    Component(ComponentValue),
    Func(Func),
    Instance(Rc<Exports>),
    Type(TypeDef),
}

/// A component.
#[derive(Clone)]
pub(super) enum ComponentValue {
    /// One of the binary's.
    Closure(Rc<Closure>),
    /// One that the host gives.
    Imported(ComponentImportIndex),
}

/// A component with what it uses from around it.
pub(super) struct Closure {
    pub(super) definition: StaticComponentIndex,
    pub(super) captures: Box<[Value]>,
}

/// A component function.
#[derive(Clone)]
pub(super) enum Func {
    /// From the host.
    Imported(ImportedFunc),
    /// From a guest.
    Lifted(LiftedFunc),
}

/// What `canon lift` made.
#[derive(Copy, Clone)]
pub(super) struct LiftedFunc {
    pub(super) ty: ComponentFuncTypeIndex,
    pub(super) core: CoreDef,
    pub(super) options: OptionsIndex,
}

/// A function that the root imports, or that an instance of an imported component exports.
#[derive(Clone)]
pub(super) struct ImportedFunc {
    pub(super) path: Rc<ImportPath>,
    pub(super) ty: ComponentFuncTypeIndex,
}

/// Where something comes from that is not the component's, and names to follow from there.
pub(super) struct ImportPath {
    pub(super) from: ImportSource,
    pub(super) path: Vec<Rc<str>>,
}

/// A list of exports, names unique, in order.
#[derive(Default)]
pub(super) struct Exports {
    list: Vec<(Rc<str>, Value, u64)>,
    by_name: BTreeMap<Rc<str>, usize>,
    /// Levels of instances in here, this one among them.
    depth: u32,
}

/// A core instance.
#[derive(Clone)]
pub(super) enum CoreInstance {
    /// Made by a step.
    Real(RuntimeInstanceIndex),
    /// Put together from what there is.
    Synthetic(Rc<BTreeMap<Rc<str>, CoreDef>>),
}

/// What a component's imports get.
pub(super) enum Args {
    /// The host's.
    Root,
    /// These.
    Given(BTreeMap<Rc<str>, Value>),
}

impl Value {
    /// Checks that this is of the sort that the validator saw.
    pub(super) fn of_sort(self, sort: Sort) -> Result<Value> {
        let same = match &self {
            Value::Module(_) => sort == Sort::Module,
            Value::Component(_) => sort == Sort::Component,
            Value::Func(_) => sort == Sort::Func,
            Value::Instance(_) => sort == Sort::Instance,
            Value::Type(_) => sort == Sort::Type,
        };
        if same { Ok(self) } else { Err(inconsistent()) }
    }
}

impl Exports {
    /// Adds an export defined at `offset`.
    ///
    /// # Errors
    /// If that makes instances too deep.
    pub(super) fn add(&mut self, name: Rc<str>, value: Value, offset: u64) -> Result<()> {
        if let Value::Instance(inner) = &value {
            self.depth = self.depth.max(inner.depth + 1);
            if self.depth > MAX_DEPTH {
                return Err(Error::TooLarge {
                    message: format!("instances are nested more than {MAX_DEPTH} deep"),
                });
            }
        }
        self.by_name.insert(name.clone(), self.list.len());
        self.list.push((name, value, offset));
        Ok(())
    }

    /// The export with this name, which is of this sort.
    pub(super) fn of_sort(&self, sort: Sort, name: &str) -> Result<Value> {
        self.get(name)
            .cloned()
            .ok_or_else(inconsistent)?
            .of_sort(sort)
    }

    /// The export with this name.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        let &position = self.by_name.get(name)?;
        self.list.get(position).map(|(_, value, _)| value)
    }

    /// All of them in order, each with the offset of its definition.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(Rc<str>, Value, u64)> {
        self.list.iter()
    }
}

/// The validator has let something through that cannot be; it ends this translation alone.
pub(in super::super) fn inconsistent() -> Error {
    Error::invalid("validation and translation disagree about an index", 0)
}

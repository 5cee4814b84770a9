//! Finding exports, also those of exported instances.

use super::component::CompiledComponent;
use super::types::{ComponentItem, Description};
use super::version;
use crate::vm::{ComponentInstancePtr, CoreFunc};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use threadline_environ::component::{
    CoreDef, Export, ExportedComponent, ExportedModule, ModuleType, TypeDef,
};
use threadline_environ::{ComponentFuncTypeIndex, OptionsIndex};

/// An export of a component, found once by name and then without; see
/// [`Component::get_export`](super::Component::get_export).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct ComponentExportIndex {
    component: ComponentId,
    index: u32,
}

/// A compiled component's number, unique in the process.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ComponentId(u64);

impl ComponentId {
    /// A number that no other component has.
    pub(super) fn next() -> ComponentId {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        ComponentId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Something that names an export: a `&str`, or a [`ComponentExportIndex`].
///
/// A name with a version, as `ns:package/interface@1.2.0`, stands for the export with that very name
/// or, if there is none, for the one with the highest version that is compatible with it by the rules
/// of semantic versioning, as `ns:package/interface@1.3.1`.
pub trait ExportLookup: sealed::Sealed {
    #[doc(hidden)]
    fn lookup(&self, exports: Exports<'_>) -> Option<u32>;

    /// For messages.
    #[doc(hidden)]
    fn describe(&self) -> String;
}

/// The exports of one component.
#[doc(hidden)]
#[derive(Copy, Clone)]
pub struct Exports<'a>(&'a Arc<CompiledComponent>);

mod sealed {
    pub trait Sealed {}
    impl Sealed for str {}
    impl Sealed for String {}
    impl Sealed for super::ComponentExportIndex {}
    impl<A: Sealed + ?Sized> Sealed for &A {}
}

impl ExportLookup for str {
    fn lookup(&self, Exports(component): Exports<'_>) -> Option<u32> {
        component.exports().find(None, self)
    }

    fn describe(&self) -> String {
        format!("`{self}`")
    }
}

impl ExportLookup for String {
    fn lookup(&self, exports: Exports<'_>) -> Option<u32> {
        self.as_str().lookup(exports)
    }

    fn describe(&self) -> String {
        self.as_str().describe()
    }
}

impl ExportLookup for ComponentExportIndex {
    fn lookup(&self, Exports(component): Exports<'_>) -> Option<u32> {
        (self.component == component.exports().component).then_some(self.index)
    }

    fn describe(&self) -> String {
        format!("with the index {}", self.index)
    }
}

impl<A: ExportLookup + ?Sized> ExportLookup for &A {
    fn lookup(&self, exports: Exports<'_>) -> Option<u32> {
        A::lookup(self, exports)
    }

    fn describe(&self) -> String {
        A::describe(self)
    }
}

/// The place of an export among all of a component.
pub(super) fn lookup(component: &Arc<CompiledComponent>, name: impl ExportLookup) -> Option<u32> {
    name.lookup(Exports(component))
}

/// All exports of a component, nested ones among them, each with a number.
pub(crate) struct ExportTree {
    component: ComponentId,
    exports: Vec<Item>,
    num_lifted: u32,
    /// By the number of the instance they are in, if any, and their name.
    by_name: BTreeMap<(Option<u32>, String), u32>,
    /// The component's own.
    roots: Vec<(String, u32)>,
}

/// An export with the numbers of what is in it.
pub(super) enum Item {
    /// A function of the component's.
    Lifted {
        /// Which of all lifted functions it is.
        position: u32,
        /// Its type.
        ty: ComponentFuncTypeIndex,
        /// The core function.
        func: CoreDef,
        /// How it is lifted.
        options: OptionsIndex,
    },
    /// An instance, with its exports in order.
    Instance(Vec<(String, u32)>),
    /// A type.
    Type(TypeDef),
    /// A core module, and its type.
    Module(ExportedModule, Box<ModuleType>),
    /// A component.
    Component(ExportedComponent),
}

/// The name of an export that is this core function, lifted.
pub(crate) fn export_name(instance: ComponentInstancePtr, core: &CoreFunc) -> Option<String> {
    let exports = instance.component().exports();
    (0..exports.num_lifted).find_map(|position| {
        let func = instance.lifted(position as usize)?;
        match func.get::<'static>().is(core) {
            true => exports.name_of_lifted(position),
            false => None,
        }
    })
}

impl ExportTree {
    /// Numbers exports.
    pub(super) fn new(exports: &[(String, Export)]) -> ExportTree {
        let mut tree = ExportTree {
            component: ComponentId::next(),
            exports: Vec::new(),
            num_lifted: 0,
            by_name: BTreeMap::new(),
            roots: Vec::new(),
        };
        tree.roots = tree.add_all(None, exports);
        tree
    }

    fn add_all(
        &mut self,
        instance: Option<u32>,
        exports: &[(String, Export)],
    ) -> Vec<(String, u32)> {
        let mut numbered = Vec::with_capacity(exports.len());
        for (name, export) in exports {
            let index = self.add(export);
            self.by_name.insert((instance, name.clone()), index);
            numbered.push((name.clone(), index));
        }
        numbered
    }

    fn add(&mut self, export: &Export) -> u32 {
        let index = self.exports.len() as u32;
        self.exports.push(match export {
            &Export::LiftedFunction { ty, func, options } => {
                let position = self.num_lifted;
                self.num_lifted += 1;
                Item::Lifted {
                    position,
                    ty,
                    func,
                    options,
                }
            }
            &Export::Type(ty) => Item::Type(ty),
            Export::Module(module, ty) => Item::Module(*module, ty.clone()),
            &Export::Component(component) => Item::Component(component),
            Export::Instance(_) => Item::Instance(Vec::new()),
        });
        if let Export::Instance(inner) = export {
            let inner = self.add_all(Some(index), inner);
            self.exports[index as usize] = Item::Instance(inner);
        }
        index
    }

    /// The component's own exports with their numbers, in order.
    pub(super) fn roots(&self) -> &[(String, u32)] {
        &self.roots
    }

    /// An export by its number.
    pub(super) fn get(&self, index: u32) -> Option<&Item> {
        self.exports.get(index as usize)
    }

    /// All exports, in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.exports.iter()
    }

    /// The number of an export of the component, or of one of its instances: the one with this name,
    /// or else the one with the highest version that is compatible.
    pub(super) fn find(&self, instance: Option<&ComponentExportIndex>, name: &str) -> Option<u32> {
        if instance.is_some_and(|index| index.component != self.component) {
            return None;
        }
        let instance = instance.map(|index| index.index);
        if let Some(&index) = self.by_name.get(&(instance, name.to_owned())) {
            return Some(index);
        }
        let (_, index) = version::compatible(name, |base| {
            let exports = self.by_name.range((instance, base.to_owned())..);
            let exports = exports.take_while(move |((of, _), _)| *of == instance);
            exports.map(|((_, name), index)| (name.as_str(), *index))
        })?;
        Some(index)
    }

    /// The path to the function that is lifted at this position.
    fn name_of_lifted(&self, at: u32) -> Option<String> {
        let path = |(instance, name): &(Option<u32>, String)| match instance {
            None => Some(name.clone()),
            Some(instance) => {
                let outer = self.by_name.iter().find(|&(_, index)| index == instance);
                Some(format!("{}#{name}", outer?.0.1))
            }
        };
        let mut names = self.by_name.iter();
        names.find_map(|(name, &index)| match self.get(index)? {
            Item::Lifted { position, .. } if *position == at => path(name),
            _ => None,
        })
    }

    /// How the embedder refers to an export.
    pub(super) fn handle(&self, index: u32) -> ComponentExportIndex {
        ComponentExportIndex {
            component: self.component,
            index,
        }
    }

    /// An export's type; `of` describes the component.
    pub(super) fn ty(&self, of: &Description, index: u32) -> Option<ComponentItem> {
        Some(match self.get(index)? {
            Item::Lifted { ty, .. } => ComponentItem::func(of, *ty),
            Item::Instance(exports) => {
                let items = exports.iter();
                ComponentItem::instance(
                    items.filter_map(|(name, index)| Some((name.clone(), self.ty(of, *index)?))),
                )
            }
            Item::Type(ty) => ComponentItem::type_def(of, *ty),
            Item::Module(_, ty) => ComponentItem::module(ty),
            Item::Component(component) => ComponentItem::component(of, *component),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compatible_version_is_found_in_its_own_instance_alone() {
        let export = |name: &str, export| (name.to_owned(), export);
        let other = || Export::Type(TypeDef::Other);
        let inner = vec![export("a:b/c@1.9.0", other())];
        let tree = ExportTree::new(&[
            export("a:b/c@1.2.0", other()),
            export("a:b/c@1.3.0", other()),
            export("a:b/c@2.0.0", other()),
            export("i", Export::Instance(inner)),
        ]);
        let found = |instance, name| tree.find(instance, name);
        assert_eq!(found(None, "a:b/c@1.2.0"), Some(0));
        assert_eq!(found(None, "a:b/c@1.2.1"), Some(1));
        assert_eq!(found(None, "a:b/c@1"), Some(1));
        assert_eq!(found(None, "a:b/c@3.0.0"), None);
        let inner = tree.handle(tree.find(None, "i").unwrap());
        assert_eq!(found(Some(&inner), "a:b/c@1.2.0"), Some(4));
        assert_eq!(found(Some(&inner), "a:b/c@2.0.0"), None);
    }

    #[test]
    fn exports_of_instances_are_numbered_after_the_instance() {
        let export = |name: &str, export| (name.to_owned(), export);
        let inner = vec![export("x", Export::Type(TypeDef::Other))];
        let tree = ExportTree::new(&[
            export("a", Export::Instance(inner)),
            export("x", Export::Type(TypeDef::Other)),
        ]);
        let find = |instance: Option<u32>, name: &str| {
            tree.by_name.get(&(instance, name.to_owned())).copied()
        };
        assert_eq!(find(None, "a"), Some(0));
        assert_eq!(find(Some(0), "x"), Some(1));
        assert_eq!(find(None, "x"), Some(2));
        assert_eq!(find(Some(2), "x"), None);
        let other = ExportTree::new(&[]).handle(0);
        assert_eq!(tree.find(Some(&tree.handle(0)), "x"), Some(1));
        assert_eq!(tree.find(Some(&other), "x"), None, "of another component");
    }
}

//! Whether a component can stand for one that a component imports: the subtyping of component types
//! ("Subtyping" in the specification).
//!
//! It may import no more than it is given, and must export no less than is expected of it. Resource
//! types that one side leaves open stand for those that the other side has there: what a component
//! imports for what it is given, and what is expected of its exports for what it exports.

use super::module_check::check_module_type;
use super::same_type::Comparison;
use super::types::{ComponentFunc, Description, Type};
use super::{Component, ResourceType, version};
use crate::Engine;
use std::collections::BTreeMap;
use std::sync::Arc;
use threadline_environ::component::{
    ComponentType, DeclaredType, Export, ExportedComponent, ExternType, ModuleType, ResourceOrigin,
    TypeDef,
};
use threadline_environ::{ComponentImportIndex, ResourceIndex};

/// Checks a component against the type of an import of `importer`.
///
/// # Errors
/// If it doesn't fit: what differs.
pub(super) fn check_component(
    component: &Component,
    importer: &Description,
    import: ComponentImportIndex,
) -> Result<(), String> {
    let mut subtyping = Subtyping {
        engine: component.engine(),
        importer,
        known: BTreeMap::new(),
        trail: Vec::new(),
    };
    let expected = View::declared(importer, &importer.component_imports[import].ty);
    subtyping.component(View::compiled(component.inner().description()), expected)
}

/// A resource type of a component, by the address of the component's description.
type Key = (usize, ResourceIndex);

fn key(of: &Description, index: ResourceIndex) -> Key {
    (Arc::as_ptr(of).addr(), index)
}

struct Subtyping<'a> {
    engine: &'a Engine,
    importer: &'a Description,
    /// What resource types stand for that were left open.
    known: BTreeMap<Key, ResourceType>,
    /// Those that were added, in order: what holds for a component ends with it.
    trail: Vec<Key>,
}

/// The type of a component.
#[derive(Copy, Clone)]
struct View<'a> {
    of: &'a Description,
    imports: List<'a>,
    exports: List<'a>,
}

/// Names and types.
#[derive(Copy, Clone)]
enum List<'a> {
    Imports(&'a [(String, ExternType)]),
    Exports(&'a [(String, Export)]),
    Declared(&'a [(String, DeclaredType)]),
}

/// The type of an import or export.
#[derive(Copy, Clone)]
enum Item<'a> {
    Func(threadline_environ::ComponentFuncTypeIndex),
    Instance(List<'a>),
    Type(TypeDef),
    Module(&'a ModuleType),
    Component(View<'a>),
}

impl<'a> View<'a> {
    fn compiled(of: &'a Description) -> View<'a> {
        View {
            of,
            imports: List::Imports(of.imports.values().as_slice()),
            exports: List::Exports(&of.exports),
        }
    }

    fn declared(of: &'a Description, ty: &'a ComponentType) -> View<'a> {
        View {
            of,
            imports: List::Declared(&ty.imports),
            exports: List::Declared(&ty.exports),
        }
    }
}

impl<'a> List<'a> {
    fn len(self) -> usize {
        match self {
            List::Imports(list) => list.len(),
            List::Exports(list) => list.len(),
            List::Declared(list) => list.len(),
        }
    }

    /// Name and type of one; `of` is the component.
    fn get(self, of: &'a Description, place: usize) -> (&'a str, Item<'a>) {
        match self {
            List::Imports(list) => {
                let (name, ty) = &list[place];
                let item = match ty {
                    ExternType::Func(ty) => Item::Func(*ty),
                    ExternType::Instance(list) => Item::Instance(List::Imports(list)),
                    ExternType::Type(ty) => Item::Type(*ty),
                    ExternType::Module(index) => Item::Module(&of.module_imports[*index].ty),
                    ExternType::Component(index) => {
                        Item::Component(View::declared(of, &of.component_imports[*index].ty))
                    }
                };
                (name, item)
            }
            List::Exports(list) => {
                let (name, export) = &list[place];
                let item = match export {
                    Export::LiftedFunction { ty, .. } => Item::Func(*ty),
                    Export::Instance(list) => Item::Instance(List::Exports(list)),
                    Export::Type(ty) => Item::Type(*ty),
                    Export::Module(_, ty) => Item::Module(ty),
                    Export::Component(component) => Item::Component(exported(of, *component)),
                };
                (name, item)
            }
            List::Declared(list) => {
                let (name, ty) = &list[place];
                let item = match ty {
                    DeclaredType::Func(ty) => Item::Func(*ty),
                    DeclaredType::Instance(list) => Item::Instance(List::Declared(list)),
                    DeclaredType::Type(ty) => Item::Type(*ty),
                    DeclaredType::Module(ty) => Item::Module(ty),
                    DeclaredType::Component(ty) => Item::Component(View::declared(of, ty)),
                };
                (name, item)
            }
        }
    }

    fn iter(self, of: &'a Description) -> impl Iterator<Item = (&'a str, Item<'a>)> {
        (0..self.len()).map(move |place| self.get(of, place))
    }

    /// What has this name, or a compatible version of it.
    fn find(self, of: &'a Description, name: &str) -> Option<Item<'a>> {
        let names = self.iter(of).enumerate();
        let names: BTreeMap<String, usize> = names
            .map(|(place, (name, _))| (name.to_owned(), place))
            .collect();
        let place = version::find(&names, name)?;
        Some(self.get(of, *place).1)
    }
}

/// The type of a component that a component exports.
fn exported(of: &Description, component: ExportedComponent) -> View<'_> {
    match component {
        ExportedComponent::Imported(index) => View::declared(of, &of.component_imports[index].ty),
        ExportedComponent::Nested(index) => match &of.nested[index].description {
            Some(nested) => View::compiled(nested),
            // It has one once it is loaded.
            None => View {
                of,
                imports: List::Declared(&[]),
                exports: List::Declared(&[]),
            },
        },
    }
}

impl Item<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Item::Func(_) => "a function",
            Item::Instance(_) => "an instance",
            Item::Type(TypeDef::Resource(_)) => "a resource type",
            Item::Type(_) => "a type",
            Item::Module(_) => "a core module",
            Item::Component(_) => "a component",
        }
    }

    /// Whether it is a type of values, or an instance of such: as an import it needs no definition.
    fn needs_no_definition(&self, of: &Description) -> bool {
        match self {
            Item::Type(TypeDef::Interface(_) | TypeDef::Other) => true,
            Item::Instance(list) => list.iter(of).all(|(_, item)| item.needs_no_definition(of)),
            _ => false,
        }
    }
}

impl Subtyping<'_> {
    /// Whether one component can stand for another.
    fn component(&mut self, found: View<'_>, expected: View<'_>) -> Result<(), String> {
        let before = self.trail.len();
        let result = self.imports_and_exports(found, expected);
        for key in self.trail.drain(before..) {
            self.known.remove(&key);
        }
        result
    }

    fn imports_and_exports(&mut self, found: View<'_>, expected: View<'_>) -> Result<(), String> {
        self.fix(expected.of, expected.imports);
        for (name, import) in found.imports.iter(found.of) {
            match expected.imports.find(expected.of, name) {
                Some(given) => self
                    .item((expected.of, given), (found.of, import))
                    .map_err(|error| format!("its import `{name}`: {error}"))?,
                None if import.needs_no_definition(found.of) => {}
                None => {
                    return Err(format!(
                        "it imports {} `{name}`, which the component does not give it",
                        import.kind()
                    ));
                }
            }
        }
        for (name, export) in expected.exports.iter(expected.of) {
            match found.exports.find(found.of, name) {
                Some(given) => self
                    .item((found.of, given), (expected.of, export))
                    .map_err(|error| format!("its export `{name}`: {error}"))?,
                None if export.needs_no_definition(expected.of) => {}
                None => {
                    return Err(format!("it does not export {} `{name}`", export.kind()));
                }
            }
        }
        Ok(())
    }

    /// Whether something can stand for something else.
    fn item<'a>(
        &mut self,
        (of_found, found): (&'a Description, Item<'a>),
        (of_expected, expected): (&'a Description, Item<'a>),
    ) -> Result<(), String> {
        match (found, expected) {
            (Item::Func(found), Item::Func(expected)) => {
                let result = self.comparison(of_found, of_expected, |comparison| {
                    comparison.funcs(expected, found)
                });
                result.map_err(|(part, error)| {
                    let expected = ComponentFunc::new(of_expected, expected);
                    format!("the {part} of `{expected}` differ: {error}")
                })
            }
            (Item::Instance(found), Item::Instance(expected)) => {
                for (name, item) in expected.iter(of_expected) {
                    match found.find(of_found, name) {
                        Some(found) => self
                            .item((of_found, found), (of_expected, item))
                            .map_err(|error| format!("`{name}`: {error}"))?,
                        None if item.needs_no_definition(of_expected) => {}
                        None => return Err(format!("{} `{name}` is missing", item.kind())),
                    }
                }
                Ok(())
            }
            (Item::Type(TypeDef::Resource(found)), Item::Type(TypeDef::Resource(expected))) => {
                self.resource((of_found, found), (of_expected, expected))
            }
            (Item::Type(TypeDef::Interface(found)), Item::Type(TypeDef::Interface(expected))) => {
                let same = self.comparison(of_found, of_expected, |comparison| {
                    comparison.same(expected, found)
                });
                if same {
                    return Ok(());
                }
                Err(format!(
                    "expected the type `{}`, found `{}`",
                    Type::new(of_expected, expected),
                    Type::new(of_found, found)
                ))
            }
            // Types that are nothing at run time.
            (Item::Type(TypeDef::Other), Item::Type(TypeDef::Other)) => Ok(()),
            (Item::Module(found), Item::Module(expected)) => {
                check_module_type(self.engine, found, expected)
            }
            (Item::Component(found), Item::Component(expected)) => self.component(found, expected),
            (found, expected) => Err(format!(
                "expected {}, found {}",
                expected.kind(),
                found.kind()
            )),
        }
    }

    fn comparison<R>(
        &self,
        found: &Description,
        expected: &Description,
        compare: impl FnOnce(&mut Comparison<'_>) -> R,
    ) -> R {
        let of_expected = |index| Some(self.stands_for(expected, index));
        let of_found = |index| Some(self.stands_for(found, index));
        compare(&mut Comparison::new(
            (expected, &of_expected),
            (found, &of_found),
        ))
    }

    /// What a resource type stands for: itself, if it wasn't left open.
    fn stands_for(&self, of: &Description, index: ResourceIndex) -> ResourceType {
        let known = self.known.get(&key(of, index)).cloned();
        known.unwrap_or_else(|| ResourceType::new(of, index))
    }

    fn resource(
        &mut self,
        (of_found, found): (&Description, ResourceIndex),
        (of_expected, expected): (&Description, ResourceIndex),
    ) -> Result<(), String> {
        let found = self.stands_for(of_found, found);
        if self.is_open(of_expected, expected) {
            self.let_stand_for(of_expected, expected, found);
            return Ok(());
        }
        let expected = self.stands_for(of_expected, expected);
        if expected == found {
            return Ok(());
        }
        Err(format!(
            "expected the resource type `{expected}`, found another, `{found}`"
        ))
    }

    /// Whether a resource type stands for whatever it is given.
    fn is_open(&self, of: &Description, index: ResourceIndex) -> bool {
        let declared = match of.resources[index].origin {
            ResourceOrigin::Abstract => true,
            // The importer's own imports are what they are.
            ResourceOrigin::Imported { .. } => !Arc::ptr_eq(of, self.importer),
            ResourceOrigin::Defined { .. } => false,
        };
        declared && !self.known.contains_key(&key(of, index))
    }

    fn let_stand_for(&mut self, of: &Description, index: ResourceIndex, ty: ResourceType) {
        let key = key(of, index);
        self.known.insert(key, ty);
        self.trail.push(key);
    }

    /// Resource types among what a component is given stand for themselves.
    fn fix<'a>(&mut self, of: &'a Description, given: List<'a>) {
        for (_, item) in given.iter(of) {
            match item {
                Item::Type(TypeDef::Resource(index)) if self.is_open(of, index) => {
                    self.let_stand_for(of, index, ResourceType::new(of, index));
                }
                Item::Instance(list) => self.fix(of, list),
                _ => {}
            }
        }
    }
}

//! The types of functions, instances and components.

use super::text::Text;
use super::{Description, Type, View};
use crate::component::ResourceType;
use crate::component::module_check::public;
use std::fmt::{self, Write};
use std::sync::Arc;
use threadline_environ::ComponentFuncTypeIndex;
use threadline_environ::component::{
    self as environ, DeclaredType, Export, ExportedComponent, ExternType, TypeDef,
};

/// The type of a function of a component.
#[derive(Clone)]
pub struct ComponentFunc(View<ComponentFuncTypeIndex>);

impl ComponentFunc {
    pub(crate) fn new(of: &Description, index: ComponentFuncTypeIndex) -> ComponentFunc {
        ComponentFunc(View::new(of, index))
    }

    fn get(&self) -> &environ::ComponentFuncType {
        &self.0.of.types.funcs[self.0.index]
    }

    /// Whether it is an `async` function.
    pub fn async_(&self) -> bool {
        self.get().async_
    }

    /// Its parameters: names and types.
    pub fn params(&self) -> impl ExactSizeIterator<Item = (&str, Type)> {
        let params = self.get().params.iter();
        params.map(|(name, ty)| (name.as_str(), self.0.ty(*ty)))
    }

    /// The type of its result, if it has one.
    pub fn results(&self) -> impl ExactSizeIterator<Item = Type> {
        self.get().result.map(|ty| self.0.ty(ty)).into_iter()
    }
}

impl fmt::Display for ComponentFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text::write_to(f, |text| self.write(text))
    }
}

impl ComponentFunc {
    fn write(&self, f: &mut Text<'_>) -> fmt::Result {
        f.write_str(if self.async_() {
            "async func("
        } else {
            "func("
        })?;
        for (i, (name, ty)) in self.params().enumerate() {
            f.write_str(if i == 0 { "" } else { ", " })?;
            f.write_str(name)?;
            f.around(": ", &ty, "")?;
        }
        f.write_str(")")?;
        self.results().try_for_each(|ty| f.around(" -> ", &ty, ""))
    }
}

impl PartialEq for ComponentFunc {
    fn eq(&self, other: &ComponentFunc) -> bool {
        self.0.same(&other.0)
            || (self.async_() == other.async_()
                && self.params().eq(other.params())
                && self.results().eq(other.results()))
    }
}

impl Eq for ComponentFunc {}

impl fmt::Debug for ComponentFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ComponentFunc({self})")
    }
}

/// The type of a component: of one that is there, or of those that one imports.
#[derive(Clone)]
pub struct Component {
    imports: Arc<[(String, ComponentItem)]>,
    exports: Arc<[(String, ComponentItem)]>,
}

impl Component {
    pub(in crate::component) fn compiled(of: &Description) -> Component {
        let imports = of.imports.values();
        let exports = of.exports.iter();
        Component {
            imports: imports
                .map(|(name, ty)| (name.clone(), ComponentItem::imported(of, ty)))
                .collect(),
            exports: exports
                .map(|(name, export)| (name.clone(), ComponentItem::exported(of, export)))
                .collect(),
        }
    }

    fn declared(of: &Description, ty: &environ::ComponentType) -> Component {
        let items = |list: &[(String, DeclaredType)]| {
            let list = list.iter();
            list.map(|(name, ty)| (name.clone(), ComponentItem::declared(of, ty)))
                .collect()
        };
        Component {
            imports: items(&ty.imports),
            exports: items(&ty.exports),
        }
    }

    /// What it imports, in order. A component with fewer imports has this type too.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = (&str, ComponentItem)> {
        let imports = self.imports.iter();
        imports.map(|(name, item)| (name.as_str(), item.clone()))
    }

    /// What it exports, in order. A component with more exports has this type too.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = (&str, ComponentItem)> {
        let exports = self.exports.iter();
        exports.map(|(name, item)| (name.as_str(), item.clone()))
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component").finish_non_exhaustive()
    }
}

/// The type of an import or export.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ComponentItem {
    /// A function.
    ComponentFunc(ComponentFunc),
    /// An instance.
    ComponentInstance(ComponentInstance),
    /// The type of values.
    Type(Type),
    /// A resource type.
    Resource(ResourceType),
    /// A core module.
    Module(CoreModule),
    /// A component.
    Component(Component),
    /// Another type, which is nothing at run time: of functions, instances or components.
    Other,
}

impl ComponentItem {
    pub(in crate::component) fn func(
        of: &Description,
        ty: ComponentFuncTypeIndex,
    ) -> ComponentItem {
        ComponentItem::ComponentFunc(ComponentFunc::new(of, ty))
    }

    pub(in crate::component) fn instance(
        items: impl Iterator<Item = (String, ComponentItem)>,
    ) -> ComponentItem {
        ComponentItem::ComponentInstance(ComponentInstance(items.collect()))
    }

    pub(in crate::component) fn type_def(of: &Description, ty: TypeDef) -> ComponentItem {
        match ty {
            TypeDef::Resource(index) => ComponentItem::Resource(ResourceType::new(of, index)),
            TypeDef::Interface(ty) => ComponentItem::Type(Type::new(of, ty)),
            TypeDef::Other => ComponentItem::Other,
        }
    }

    pub(in crate::component) fn module(ty: &environ::ModuleType) -> ComponentItem {
        ComponentItem::Module(CoreModule(Arc::new(ty.clone())))
    }

    fn imported(of: &Description, ty: &ExternType) -> ComponentItem {
        match ty {
            ExternType::Func(index) => ComponentItem::func(of, *index),
            ExternType::Instance(items) => {
                let items = items.iter();
                ComponentItem::instance(
                    items.map(|(name, ty)| (name.clone(), ComponentItem::imported(of, ty))),
                )
            }
            ExternType::Type(ty) => ComponentItem::type_def(of, *ty),
            ExternType::Module(index) => ComponentItem::module(&of.module_imports[*index].ty),
            ExternType::Component(index) => {
                ComponentItem::Component(Component::declared(of, &of.component_imports[*index].ty))
            }
        }
    }

    fn declared(of: &Description, ty: &DeclaredType) -> ComponentItem {
        match ty {
            DeclaredType::Func(index) => ComponentItem::func(of, *index),
            DeclaredType::Instance(items) => {
                let items = items.iter();
                ComponentItem::instance(
                    items.map(|(name, ty)| (name.clone(), ComponentItem::declared(of, ty))),
                )
            }
            DeclaredType::Type(ty) => ComponentItem::type_def(of, *ty),
            DeclaredType::Module(ty) => ComponentItem::module(ty),
            DeclaredType::Component(ty) => ComponentItem::Component(Component::declared(of, ty)),
        }
    }

    /// A component that a component exports.
    pub(in crate::component) fn component(
        of: &Description,
        component: ExportedComponent,
    ) -> ComponentItem {
        ComponentItem::Component(match component {
            ExportedComponent::Imported(index) => {
                Component::declared(of, &of.component_imports[index].ty)
            }
            ExportedComponent::Nested(index) => match &of.nested[index].description {
                Some(nested) => Component::compiled(nested),
                // It has one once it is loaded.
                None => Component::declared(of, &environ::ComponentType::default()),
            },
        })
    }

    fn exported(of: &Description, export: &Export) -> ComponentItem {
        match export {
            Export::LiftedFunction { ty, .. } => ComponentItem::func(of, *ty),
            Export::Instance(items) => {
                let items = items.iter();
                ComponentItem::instance(
                    items.map(|(name, export)| (name.clone(), ComponentItem::exported(of, export))),
                )
            }
            Export::Type(ty) => ComponentItem::type_def(of, *ty),
            Export::Module(_, ty) => ComponentItem::module(ty),
            Export::Component(component) => ComponentItem::component(of, *component),
        }
    }
}

/// The type of a core module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreModule(Arc<environ::ModuleType>);

impl CoreModule {
    /// What it imports: both names, and the type. A module with fewer imports has this type too.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = (&str, &str, crate::ExternType)> {
        let imports = self.0.imports.iter();
        imports.map(|i| (i.module.as_str(), i.field.as_str(), public(&i.ty)))
    }

    /// What it exports: names and types. A module with more exports has this type too.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = (&str, crate::ExternType)> {
        let exports = self.0.exports.iter();
        exports.map(|(name, ty)| (name.as_str(), public(ty)))
    }
}

/// The type of an instance.
#[derive(Clone, Debug)]
pub struct ComponentInstance(Vec<(String, ComponentItem)>);

impl ComponentInstance {
    /// What it exports, in order.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = (&str, ComponentItem)> {
        let items = self.0.iter();
        items.map(|(name, item)| (name.as_str(), item.clone()))
    }

    /// The export with this name.
    pub fn get_export(&self, name: &str) -> Option<ComponentItem> {
        let (_, item) = self.0.iter().find(|(known, _)| known == name)?;
        Some(item.clone())
    }
}

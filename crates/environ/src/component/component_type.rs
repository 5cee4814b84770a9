//! The types of components that cross the root's border.

use super::module_type::ModuleType;
use super::types::TypeDef;
use crate::index::*;
use serde::{Deserialize, Serialize};

/// The type of a component, as it is declared where one is imported.
///
/// The resource types that it leaves open, those that such a component imports or exports, are
/// [`ResourceOrigin::Abstract`](super::ResourceOrigin::Abstract).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentType {
    /// What it imports at most.
    pub imports: Vec<(String, DeclaredType)>,
    /// What it exports at least.
    pub exports: Vec<(String, DeclaredType)>,
}

/// The type of something that a component of some type imports or exports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeclaredType {
    /// A function.
    Func(ComponentFuncTypeIndex),
    /// An instance, by its exports.
    Instance(Vec<(String, DeclaredType)>),
    /// A type.
    Type(TypeDef),
    /// A core module.
    Module(Box<ModuleType>),
    /// A component.
    Component(Box<ComponentType>),
}

impl ComponentType {
    /// Replaces the numbers of core function types.
    pub fn renumber_mentioned_types(&mut self, number: &impl Fn(SignatureIndex) -> SignatureIndex) {
        let types = self.imports.iter_mut().chain(&mut self.exports);
        let mut types: Vec<&mut DeclaredType> = types.map(|(_, ty)| ty).collect();
        while let Some(ty) = types.pop() {
            match ty {
                DeclaredType::Module(ty) => ty.renumber_mentioned_types(number),
                DeclaredType::Instance(list) => types.extend(list.iter_mut().map(|(_, ty)| ty)),
                DeclaredType::Component(ty) => {
                    let inner = ty.imports.iter_mut().chain(&mut ty.exports);
                    types.extend(inner.map(|(_, ty)| ty));
                }
                DeclaredType::Func(_) | DeclaredType::Type(_) => {}
            }
        }
    }
}

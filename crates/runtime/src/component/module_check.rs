//! Whether a core module can stand for one that a component imports: the subtyping of module types.
//!
//! What the component gives it must be enough for what it imports, and what it exports must be
//! enough for what the component expects.

use crate::Engine;
use crate::module::CoreModule;
use crate::type_registry::TypeId;
use crate::types::{ExternType, global_matches, memory_matches, table_matches};
use std::sync::Arc;
use threadline_environ::component::{CoreExternType, ModuleType};
use threadline_environ::{EntityIndex, EntityType};

/// Checks a module against the type of an import.
///
/// # Errors
/// If it doesn't fit: what differs.
pub(super) fn check_module(module: &Arc<CoreModule>, expected: &ModuleType) -> Result<(), String> {
    for import in &module.module.imports {
        let name = format!("`{}` `{}`", import.module, import.field);
        let mut given = expected.imports.iter();
        let given = given.find(|i| i.module == import.module && i.field == import.field);
        let Some(given) = given else {
            return Err(format!(
                "it imports {name}, which the component does not give it"
            ));
        };
        if !accepts(module, import.index, &given.ty, Direction::Import) {
            return Err(format!(
                "its import {name}: it expects `{}`, the component gives it `{}`",
                module.extern_type(import.index),
                public(&given.ty)
            ));
        }
    }
    for (name, ty) in &expected.exports {
        let Some(index) = module.module.export(name) else {
            return Err(format!("it does not export `{name}`"));
        };
        if !accepts(module, index, ty, Direction::Export) {
            return Err(format!(
                "its export `{name}`: expected `{}`, found `{}`",
                public(ty),
                module.extern_type(index)
            ));
        }
    }
    Ok(())
}

/// Whether modules of one type are of another.
///
/// # Errors
/// If they aren't: what differs.
pub(super) fn check_module_type(
    engine: &Engine,
    found: &ModuleType,
    expected: &ModuleType,
) -> Result<(), String> {
    for import in &found.imports {
        let name = format!("`{}` `{}`", import.module, import.field);
        let mut given = expected.imports.iter();
        let given = given.find(|i| i.module == import.module && i.field == import.field);
        let Some(given) = given else {
            return Err(format!(
                "the module imports {name}, which it is not to be given"
            ));
        };
        if !stands_for(engine, &given.ty, &import.ty) {
            return Err(format!(
                "the module's import {name}: it expects `{}`, it is to be given `{}`",
                public(&import.ty),
                public(&given.ty)
            ));
        }
    }
    for (name, ty) in &expected.exports {
        let mut exports = found.exports.iter();
        let Some((_, export)) = exports.find(|(known, _)| known == name) else {
            return Err(format!("the module does not export `{name}`"));
        };
        if !stands_for(engine, export, ty) {
            return Err(format!(
                "the module's export `{name}`: expected `{}`, found `{}`",
                public(ty),
                public(export)
            ));
        }
    }
    Ok(())
}

/// Whether something of one type can be taken for something of another.
fn stands_for(engine: &Engine, found: &CoreExternType, expected: &CoreExternType) -> bool {
    match (found, expected) {
        (CoreExternType::Func(found), CoreExternType::Func(expected)) => {
            engine.is_subtype(TypeId::of(found.index), TypeId::of(expected.index))
        }
        (CoreExternType::Tag(found), CoreExternType::Tag(expected)) => {
            found.index == expected.index
        }
        (CoreExternType::Table(found), CoreExternType::Table(expected)) => {
            table_matches(found, found.minimum, expected)
        }
        (CoreExternType::Memory(found), CoreExternType::Memory(expected)) => {
            memory_matches(found, found.minimum, expected)
        }
        (CoreExternType::Global(found), CoreExternType::Global(expected)) => {
            global_matches(engine, found, expected)
        }
        _ => false,
    }
}

/// Who of the two gives.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Direction {
    /// The component.
    Import,
    /// The module.
    Export,
}

/// Whether what one gives is what the other expects.
fn accepts(
    module: &Arc<CoreModule>,
    index: EntityIndex,
    component: &CoreExternType,
    direction: Direction,
) -> bool {
    let engine = module.engine();
    let (own, theirs) = (module.extern_type(index), public(component));
    let (given, expected) = match direction {
        Direction::Import => (&theirs, &own),
        Direction::Export => (&own, &theirs),
    };
    match (given, expected) {
        (ExternType::Func(_), ExternType::Func(_)) => {
            let Some((own, theirs)) = func_types(module, index, component) else {
                return false;
            };
            match direction {
                Direction::Import => engine.is_subtype(theirs, own),
                Direction::Export => engine.is_subtype(own, theirs),
            }
        }
        (ExternType::Table(given), ExternType::Table(expected)) => {
            table_matches(given, given.minimum, expected)
        }
        (ExternType::Memory(given), ExternType::Memory(expected)) => {
            memory_matches(given, given.minimum, expected)
        }
        (ExternType::Global(given), ExternType::Global(expected)) => {
            global_matches(engine, given, expected)
        }
        (ExternType::Tag(_), ExternType::Tag(_)) => {
            func_types(module, index, component).is_some_and(|(own, theirs)| own == theirs)
        }
        _ => false,
    }
}

/// The type of a function or tag of a module, and the one that a component has for it.
fn func_types(
    module: &Arc<CoreModule>,
    index: EntityIndex,
    component: &CoreExternType,
) -> Option<(TypeId, TypeId)> {
    let (EntityType::Func(signature) | EntityType::Tag(signature)) =
        module.module.entity_type(index)
    else {
        return None;
    };
    let (CoreExternType::Func(theirs) | CoreExternType::Tag(theirs)) = component else {
        return None;
    };
    Some((module.type_id(signature), TypeId::of(theirs.index)))
}

/// A type as embedders see it.
pub(super) fn public(ty: &CoreExternType) -> ExternType {
    match ty {
        CoreExternType::Func(func) => ExternType::Func(func.ty.clone()),
        CoreExternType::Table(ty) => ExternType::Table(*ty),
        CoreExternType::Memory(ty) => ExternType::Memory(*ty),
        CoreExternType::Global(ty) => ExternType::Global(*ty),
        CoreExternType::Tag(func) => ExternType::Tag(func.ty.clone()),
    }
}

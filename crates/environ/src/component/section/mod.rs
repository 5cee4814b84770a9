//! One file per binary section of a component ("Binary.md"), each of which turns the section's
//! entries into [`Item`](super::definition::Item)s.
//!
//! The sections have been validated when they are read here; an index that is out of bounds
//! after that would be `wasmparser`'s error.

pub(super) mod alias;
pub(super) mod canon;
mod concurrency;
pub(super) mod core_instance;
pub(super) mod export;
pub(super) mod import;
pub(super) mod instance;
pub(super) mod ty;

use super::definition::{CoreSort, Reference, Sort};
use super::translate::Walk;
use crate::error::{Error, Result};
use wasmparser::{ComponentExternalKind, ExternalKind, Payload};

/// Refuses by name what the validator is not told about, and so would call invalid.
pub(super) fn refuse_before_validation(payload: &Payload<'_>) -> Result<()> {
    match payload {
        Payload::ComponentStartSection { range, .. } => {
            Err(Error::unsupported("a component's `start`", range.start))
        }
        Payload::ComponentCanonicalSection(section) => canon::refuse_before_validation(section),
        Payload::ComponentImportSection(section) => import::refuse_before_validation(section),
        _ => Ok(()),
    }
}

fn core_sort(kind: ExternalKind, offset: u64) -> Result<CoreSort> {
    match kind {
        ExternalKind::Func => Ok(CoreSort::Func),
        ExternalKind::Table => Ok(CoreSort::Table),
        ExternalKind::Memory => Ok(CoreSort::Memory),
        ExternalKind::Global => Ok(CoreSort::Global),
        ExternalKind::Tag => Ok(CoreSort::Tag),
        ExternalKind::FuncExact => Err(Error::unsupported(
            "the custom-descriptors proposal",
            offset,
        )),
    }
}

fn sort(kind: ComponentExternalKind, offset: u64) -> Result<Sort> {
    match kind {
        ComponentExternalKind::Module => Ok(Sort::Module),
        ComponentExternalKind::Func => Ok(Sort::Func),
        ComponentExternalKind::Type => Ok(Sort::Type),
        ComponentExternalKind::Instance => Ok(Sort::Instance),
        ComponentExternalKind::Component => Ok(Sort::Component),
        ComponentExternalKind::Value => Err(Error::unsupported("`value`", offset)),
    }
}

/// Something that the component being read has at this index.
fn reference(
    walk: &Walk<'_>,
    kind: ComponentExternalKind,
    index: u32,
    offset: u64,
) -> Result<Reference> {
    let sort = sort(kind, offset)?;
    let ty = match sort {
        Sort::Type => Some(walk.wasm_types(offset)?.component_any_type_at(index)),
        _ => None,
    };
    Ok(Reference { sort, index, ty })
}

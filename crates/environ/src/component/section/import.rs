//! The import section.

use super::super::definition::Item;
use super::super::translate::Walk;
use crate::error::{Error, Result};
use wasmparser::{ComponentImportSectionReader, ComponentTypeRef};

/// Refuses values, which are part of a proposal the validator is not told about.
pub(super) fn refuse_before_validation(section: &ComponentImportSectionReader<'_>) -> Result<()> {
    for import in section.clone().into_iter_with_offsets() {
        let (offset, import) = import?;
        if let ComponentTypeRef::Value(_) = import.ty {
            return Err(Error::unsupported("the import of a `value`", offset));
        }
    }
    Ok(())
}

pub(in super::super) fn read(
    walk: &mut Walk<'_>,
    section: ComponentImportSectionReader<'_>,
) -> Result<()> {
    for import in section.into_iter_with_offsets() {
        let (offset, import) = import?;
        let sort = super::sort(import.ty.kind(), offset)?;
        let types = walk.wasm_types(offset)?;
        let Some(item) = types.component_item_for_import(import.name.name) else {
            return Err(Error::invalid("an import without a type", offset));
        };
        let ty = item.ty;
        walk.define(Item::Import {
            name: import.name.name.into(),
            sort,
            ty,
            offset,
        });
    }
    Ok(())
}

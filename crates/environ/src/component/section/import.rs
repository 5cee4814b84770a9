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
        // Imports of inner components are arguments when these are instantiated; only the
        // root's come from outside.
        let ty = if walk.in_root() {
            let types = walk.validator.types(0);
            let item =
                types.and_then(|t| Some((t, t.component_item_for_import(import.name.name)?)));
            match item {
                Some((types, item)) => Some(walk.types.import(types, item.ty, offset)?),
                None => return Err(Error::invalid("an import without a type", offset)),
            }
        } else {
            None
        };
        walk.define(Item::Import {
            name: import.name.name.into(),
            sort,
            ty,
        });
    }
    Ok(())
}

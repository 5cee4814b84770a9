//! The type section: resource types, which each instance makes anew.
//!
//! All other types are `wasmparser`'s; what needs one carries its id.

use super::super::definition::Item;
use super::super::translate::Walk;
use crate::error::{Error, Result};
use wasmparser::component_types::ComponentAnyTypeId;
use wasmparser::{ComponentType, ComponentTypeSectionReader};

pub(in super::super) fn read(
    walk: &mut Walk<'_>,
    section: ComponentTypeSectionReader<'_>,
) -> Result<()> {
    let types = walk.wasm_types(section.range().start)?;
    // The section has been validated, so its types are the last ones.
    let first = types.component_type_count() - section.count();
    for (index, ty) in (first..).zip(section.into_iter_with_offsets()) {
        let (offset, ty) = ty?;
        if let ComponentType::Resource { dtor, .. } = ty {
            let types = walk.wasm_types(offset)?;
            let ComponentAnyTypeId::Resource(id) = types.component_any_type_at(index) else {
                return Err(Error::invalid("a resource type without an id", offset));
            };
            let id = id.resource();
            walk.define(Item::Resource { id, dtor });
        }
    }
    Ok(())
}

//! The export section.

use super::super::definition::Item;
use super::super::translate::Walk;
use crate::error::{Error, Result};
use wasmparser::ComponentExportSectionReader;

pub(in super::super) fn read(
    walk: &mut Walk<'_>,
    section: ComponentExportSectionReader<'_>,
) -> Result<()> {
    for export in section.into_iter_with_offsets() {
        let (offset, export) = export?;
        let item = super::reference(walk, export.kind, export.index, offset)?;
        let types = walk.wasm_types(offset)?;
        let Some(exported) = types.component_item_for_export(export.name.name) else {
            return Err(Error::invalid("an export without a type", offset));
        };
        let ty = exported.ty;
        walk.define(Item::Export {
            name: export.name.name.into(),
            item,
            ty,
            offset,
        });
    }
    Ok(())
}

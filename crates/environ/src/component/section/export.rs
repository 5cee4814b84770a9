//! The export section.

use super::super::definition::Item;
use super::super::translate::Walk;
use crate::error::Result;
use wasmparser::ComponentExportSectionReader;

pub(in super::super) fn read(
    walk: &mut Walk<'_>,
    section: ComponentExportSectionReader<'_>,
) -> Result<()> {
    for export in section.into_iter_with_offsets() {
        let (offset, export) = export?;
        let sort = super::sort(export.kind, offset)?;
        walk.define(Item::Export {
            name: export.name.name.into(),
            sort,
            index: export.index,
            offset,
        });
    }
    Ok(())
}

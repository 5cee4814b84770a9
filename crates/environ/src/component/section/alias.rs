//! The alias section.

use super::super::definition::{CaptureSort, Item};
use super::super::translate::Walk;
use crate::error::Result;
use wasmparser::{ComponentAlias, ComponentAliasSectionReader, ComponentOuterAliasKind};

pub(in super::super) fn read(
    walk: &mut Walk<'_>,
    section: ComponentAliasSectionReader<'_>,
) -> Result<()> {
    for alias in section.into_iter_with_offsets() {
        let (offset, alias) = alias?;
        match alias {
            ComponentAlias::InstanceExport {
                kind,
                instance_index,
                name,
            } => {
                let sort = super::sort(kind, offset)?;
                walk.define(Item::ExportAlias {
                    sort,
                    instance: instance_index,
                    name: name.into(),
                });
            }
            ComponentAlias::CoreInstanceExport {
                kind,
                instance_index,
                name,
            } => {
                let sort = super::core_sort(kind, offset)?;
                walk.define(Item::CoreExportAlias {
                    sort,
                    instance: instance_index,
                    name: name.into(),
                });
            }
            ComponentAlias::Outer { kind, count, index } => outer(walk, kind, count, index),
        }
    }
    Ok(())
}

fn outer(walk: &mut Walk<'_>, kind: ComponentOuterAliasKind, count: u32, index: u32) {
    let sort = match kind {
        ComponentOuterAliasKind::CoreModule => CaptureSort::Module,
        ComponentOuterAliasKind::Component => CaptureSort::Component,
        ComponentOuterAliasKind::CoreType | ComponentOuterAliasKind::Type => return,
    };
    let item = match (count, sort) {
        (0, CaptureSort::Module) => Item::OwnModule(index),
        (0, CaptureSort::Component) => Item::OwnComponent(index),
        (count, sort) => Item::Captured(sort, walk.capture(sort, count as usize, index)),
    };
    walk.define(item);
}

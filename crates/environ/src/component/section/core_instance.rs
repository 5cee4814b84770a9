//! The core instance section.

use super::super::definition::{CoreInstanceDef, Item};
use super::super::translate::Walk;
use crate::error::Result;
use wasmparser::{Instance, InstanceSectionReader};

pub(in super::super) fn read(
    walk: &mut Walk<'_>,
    section: InstanceSectionReader<'_>,
) -> Result<()> {
    for instance in section.into_iter_with_offsets() {
        let (offset, instance) = instance?;
        let definition = match instance {
            Instance::Instantiate { module_index, args } => CoreInstanceDef::Instantiate {
                module: module_index,
                args: args.iter().map(|a| (a.name.into(), a.index)).collect(),
            },
            Instance::FromExports(exports) => {
                let mut list = Vec::with_capacity(exports.len());
                for export in &exports {
                    let sort = super::core_sort(export.kind, offset)?;
                    list.push((export.name.into(), sort, export.index));
                }
                CoreInstanceDef::FromExports(list)
            }
        };
        walk.define(Item::CoreInstance(definition));
    }
    Ok(())
}

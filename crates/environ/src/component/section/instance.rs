//! The instance section.

use super::super::definition::{InstanceDef, Item};
use super::super::translate::Walk;
use crate::error::Result;
use wasmparser::{ComponentInstance, ComponentInstanceSectionReader};

pub(in super::super) fn read(
    walk: &mut Walk<'_>,
    section: ComponentInstanceSectionReader<'_>,
) -> Result<()> {
    for instance in section.into_iter_with_offsets() {
        let (offset, instance) = instance?;
        let definition = match instance {
            ComponentInstance::Instantiate {
                component_index,
                args,
            } => {
                let mut list = Vec::with_capacity(args.len());
                for arg in &args {
                    let sort = super::sort(arg.kind, offset)?;
                    list.push((arg.name.into(), sort, arg.index));
                }
                InstanceDef::Instantiate {
                    component: component_index,
                    args: list,
                }
            }
            ComponentInstance::FromExports(exports) => {
                let mut list = Vec::with_capacity(exports.len());
                for export in &exports {
                    let sort = super::sort(export.kind, offset)?;
                    list.push((export.name.name.into(), sort, export.index));
                }
                InstanceDef::FromExports(list)
            }
        };
        walk.define(Item::Instance(definition));
    }
    Ok(())
}

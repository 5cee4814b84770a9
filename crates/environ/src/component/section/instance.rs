//! The instance section.

use super::super::definition::{InstanceDef, Item};
use super::super::translate::Walk;
use crate::error::Result;
use wasmparser::{ComponentInstance, ComponentInstanceSectionReader};

pub(in super::super) fn read(
    walk: &mut Walk<'_>,
    section: ComponentInstanceSectionReader<'_>,
) -> Result<()> {
    let types = walk.wasm_types(section.range().start)?;
    // The section has been validated, so its instances are the last ones.
    let first = types.component_instance_count() - section.count();
    for (index, instance) in (first..).zip(section.into_iter_with_offsets()) {
        let (offset, instance) = instance?;
        let definition = match instance {
            ComponentInstance::Instantiate {
                component_index,
                args,
            } => {
                let mut list = Vec::with_capacity(args.len());
                for arg in &args {
                    let item = super::reference(walk, arg.kind, arg.index, offset)?;
                    list.push((arg.name.into(), item));
                }
                InstanceDef::Instantiate {
                    component: component_index,
                    args: list,
                }
            }
            ComponentInstance::FromExports(exports) => {
                let mut list = Vec::with_capacity(exports.len());
                for export in &exports {
                    let item = super::reference(walk, export.kind, export.index, offset)?;
                    list.push((export.name.name.into(), item));
                }
                InstanceDef::FromExports(list)
            }
        };
        let ty = walk.wasm_types(offset)?.component_instance_at(index);
        walk.define(Item::Instance(definition, ty));
    }
    Ok(())
}

//! Where the contexts of a component's instances will be.

use super::Flattener;
use crate::component::info::Step;
use crate::error::{Error, Result};
use crate::index::*;
use crate::layout::{VMComponentCounts, VMComponentLayout, VMContextLayout};
use crate::module::{KnownImport, ModuleTranslation};
use cranelift_entity::{PrimaryMap, SecondaryMap};

impl Flattener<'_, '_> {
    /// Fills in the component's layout and, for modules with one instance, how far that is from
    /// the context slots.
    pub(super) fn lay_out(&mut self) -> Result<()> {
        let sizes: PrimaryMap<StaticModuleIndex, u32> = self
            .modules
            .values()
            .map(|module| VMContextLayout::new(&module.module).size())
            .collect();
        let instances = self.instantiated();
        let counts = VMComponentCounts {
            instances: self.component.num_component_instances,
            resources: self.component.resources.len() as u32,
            lowerings: self.component.num_lowerings,
            memories: self.component.num_memories,
        };
        // An instance of an imported module is elsewhere: its size isn't known.
        let size = |&module: &Option<StaticModuleIndex>| module.map_or(0, |module| sizes[module]);
        let core_instances = instances.values().map(size).collect();
        let main = self.main_user_of_slots(&instances);
        let layout = VMComponentLayout::new(counts, &core_instances, main);
        let layout = layout.ok_or_else(|| Error::TooLarge {
            message: "the component's instances need more than 1 GiB of contexts".to_owned(),
        })?;
        let mut times: SecondaryMap<StaticModuleIndex, u32> = SecondaryMap::new();
        for &module in instances.values().flatten() {
            times[module] += 1;
        }
        for (instance, &module) in &instances {
            let Some(module) = module else {
                continue;
            };
            if times[module] == 1 && !self.exported_modules.contains(&module) {
                self.modules[module].context_distance = Some(layout.context_distance(instance));
            }
        }
        self.component.layout = layout;
        Ok(())
    }

    /// The module of each core instance; `None` if it is imported.
    fn instantiated(&self) -> PrimaryMap<RuntimeInstanceIndex, Option<StaticModuleIndex>> {
        let steps = self.component.steps.iter();
        steps
            .filter_map(|step| match step {
                Step::Instantiate { module, .. } => Some(Some(*module)),
                Step::InstantiateImported { .. } => Some(None),
                _ => None,
            })
            .collect()
    }

    /// The instance that is likely to use the slots most: the one with most code of those that
    /// import an intrinsic for it.
    fn main_user_of_slots(
        &self,
        instances: &PrimaryMap<RuntimeInstanceIndex, Option<StaticModuleIndex>>,
    ) -> Option<RuntimeInstanceIndex> {
        let (main, _) = instances
            .iter()
            .filter_map(|(instance, module)| Some((instance, &self.modules[(*module)?])))
            .filter(|(_, module)| uses_slots(module))
            .max_by_key(|(_, module)| module.bytes.len())?;
        Some(main)
    }
}

fn uses_slots(module: &ModuleTranslation<'_>) -> bool {
    let mut known = module.known_imports.values();
    known.any(|import| matches!(import, KnownImport::Intrinsic(_)))
}

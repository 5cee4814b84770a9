//! What the compiler may know about imported functions.
//!
//! A module may be instantiated more than once, and its code is compiled once: an import is known
//! if it is the same for every instance; one of a module that is exported never is.

use super::Flattener;
use crate::component::info::{CoreDef, Step};
use crate::component::trampoline::Trampoline;
use crate::index::*;
use crate::module::KnownImport;
use cranelift_entity::SecondaryMap;

/// What the instances seen so far say about an import.
type Agreed = Option<KnownImport>;

impl Flattener<'_, '_> {
    /// Fills in `known_imports` of every module that is instantiated.
    pub(super) fn fill_known_imports(&mut self) {
        let mut agreed: SecondaryMap<StaticModuleIndex, Option<Vec<Agreed>>> = SecondaryMap::new();
        for step in &self.component.steps {
            let Step::Instantiate { module, args, .. } = step else {
                continue;
            };
            let known: Vec<Agreed> = args.iter().map(|arg| self.known_import(*arg)).collect();
            match &mut agreed[*module] {
                Some(before) => {
                    for (before, now) in before.iter_mut().zip(known) {
                        if *before != now {
                            *before = None;
                        }
                    }
                }
                first => *first = Some(known),
            }
        }
        for (index, module) in self.modules.iter_mut() {
            let Some(known) = &agreed[index] else {
                continue;
            };
            if self.exported_modules.contains(&index) {
                continue;
            }
            for (import, known) in module.module.imports.iter().zip(known) {
                if let (EntityIndex::Func(func), Some(known)) = (import.index, known) {
                    module.known_imports.insert(func, *known);
                }
            }
        }
    }

    /// What is known about an argument; exports have been followed to where they are defined.
    fn known_import(&self, def: CoreDef) -> Agreed {
        match def {
            CoreDef::Trampoline(index) => Some(match &self.component.trampolines[index] {
                Trampoline::Intrinsic { intrinsic, .. } => KnownImport::Intrinsic(*intrinsic),
                _ => KnownImport::Trampoline(index),
            }),
            CoreDef::Export(export) => {
                let EntityIndex::Func(func) = export.entity else {
                    return None;
                };
                let (module, _) = self.made_from(export.instance).ok()?;
                let defined = self.modules[module].module.defined_func_index(func)?;
                Some(KnownImport::Wasm(module, defined))
            }
            CoreDef::Flags(_) => None,
        }
    }
}

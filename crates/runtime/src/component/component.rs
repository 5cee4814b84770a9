//! [`Component`]: a compiled component.

use super::export::ExportTree;
use super::import_check::Found;
use super::types;
use crate::Engine;
use crate::code::{CodeMemory, ImageSource};
use crate::engine::Loaded;
use crate::module::{CoreModule, binary};
use crate::type_registry::{LiveTypes, TypeId};
use crate::vm::{CodePtr, LoweredType};
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use threadline_environ::artifact::FuncKey;
use threadline_environ::canonical_abi::MAX_FLAT_PARAMS;
use threadline_environ::component::Step;
use threadline_environ::entity::{EntityRef, PrimaryMap};
use threadline_environ::{
    LoweredIndex, NestedComponentIndex, RuntimeComponentInstanceIndex, RuntimeImportIndex,
    SignatureIndex, StaticModuleIndex, TrampolineIndex,
};

/// A component, compiled and ready to be instantiated by a [`Linker`](super::Linker).
///
/// Cheap to clone; clones are the same component.
#[derive(Clone)]
pub struct Component {
    inner: Arc<CompiledComponent>,
    /// What it uses from around it, if it was inside another one.
    around: Option<Arc<Found>>,
}

/// What instances share.
pub(crate) struct CompiledComponent {
    engine: Engine,
    code: Arc<CodeMemory>,
    modules: PrimaryMap<StaticModuleIndex, Arc<CoreModule>>,
    description: types::Description,
    exports: ExportTree,
    /// By [`NestedComponentIndex`].
    nested: Vec<Arc<CompiledComponent>>,
    /// The import behind each lowering, and whether that is with `async`.
    lowerings: PrimaryMap<LoweredIndex, (RuntimeImportIndex, bool)>,
    /// How each is called, found for the first instance.
    lowered_types: OnceLock<Box<[LoweredType]>>,
    /// By [`TrampolineIndex`], how many slots the array has of each that is a built-in.
    slots: OnceLock<Box<[u8]>>,
    /// The code of each trampoline, found for the first instance.
    trampolines: OnceLock<Box<[Option<CodePtr>]>>,
    /// By [`SignatureIndex`].
    type_ids: Arc<LiveTypes>,
}

impl Component {
    /// Compiles a component, binary or (with the feature `wat`) text.
    ///
    /// # Errors
    /// If the bytes are no valid component, or need what is not supported yet.
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Component> {
        let bytes = binary(bytes.as_ref())?;
        Component::from_loaded(engine, engine.load(&bytes)?)
    }

    /// A component from an image of it.
    ///
    /// # Errors
    /// If the image is damaged, not for this engine, or one of a core module.
    pub(crate) fn from_image(engine: &Engine, image: ImageSource) -> Result<Component> {
        Component::from_loaded(engine, engine.load_image(image)?)
    }

    fn from_loaded(engine: &Engine, loaded: Loaded) -> Result<Component> {
        Ok(Component {
            inner: CompiledComponent::new(engine, loaded)?,
            around: None,
        })
    }

    /// A component that was inside another one, of which it uses this: it is its imports that have
    /// no name.
    pub(super) fn from_inside(
        inner: &Arc<CompiledComponent>,
        around: Option<Arc<Found>>,
    ) -> Component {
        Component {
            inner: inner.clone(),
            around,
        }
    }

    /// What it uses from around it.
    pub(super) fn around(&self) -> Option<&Found> {
        self.around.as_deref()
    }

    /// The component as an image for [`Component::deserialize`], to be kept in a file, so that it
    /// need not be compiled again.
    ///
    /// # Errors
    /// If it was inside another component and uses modules or components from around it that that
    /// one was given.
    pub fn serialize(&self) -> Result<Vec<u8>> {
        if self.around.is_some() {
            bail!("the component uses imports of the component that it was inside of");
        }
        Ok(self.inner.code.bytes().to_vec())
    }

    /// Compiles a component from a file, binary or text.
    ///
    /// # Errors
    /// If the file can't be read, and as [`Component::new`].
    pub fn from_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Component> {
        let path = path.as_ref();
        let bytes =
            std::fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))?;
        Component::new(engine, bytes)
            .with_context(|| format!("failed to load `{}`", path.display()))
    }

    /// The engine it was compiled with.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// What it imports and exports.
    pub fn component_type(&self) -> types::Component {
        types::Component::compiled(&self.inner.description)
    }

    /// An export's type, and an index that finds it faster than its name does.
    ///
    /// `instance` is an exported instance to look in; `None` for the component's own exports.
    pub fn get_export(
        &self,
        instance: Option<&super::ComponentExportIndex>,
        name: &str,
    ) -> Option<(types::ComponentItem, super::ComponentExportIndex)> {
        self.inner.export(instance, name)
    }

    /// An index that finds an export faster than its name does; see [`Component::get_export`].
    pub fn get_export_index(
        &self,
        instance: Option<&super::ComponentExportIndex>,
        name: &str,
    ) -> Option<super::ComponentExportIndex> {
        Some(self.get_export(instance, name)?.1)
    }

    pub(crate) fn inner(&self) -> &Arc<CompiledComponent> {
        &self.inner
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component").finish_non_exhaustive()
    }
}

/// Which import is behind each lowering, and whether that is with `async`.
fn lowerings(steps: &[Step]) -> PrimaryMap<LoweredIndex, (RuntimeImportIndex, bool)> {
    let mut lowerings: Vec<_> = steps
        .iter()
        .filter_map(|step| match step {
            Step::LowerImport {
                index,
                import,
                async_,
            } => Some((*index, (*import, *async_))),
            _ => None,
        })
        .collect();
    lowerings.sort_unstable();
    lowerings.into_iter().map(|(_, import)| import).collect()
}

impl CompiledComponent {
    fn new(engine: &Engine, mut loaded: Loaded) -> Result<Arc<CompiledComponent>> {
        let mut description = loaded
            .component
            .take()
            .context("the binary is a core module, not a component: use `Module`")?;
        let nested = std::mem::take(&mut loaded.nested).into_iter();
        let nested = nested.map(|loaded| CompiledComponent::new(engine, loaded));
        let nested: Vec<_> = nested.collect::<Result<_>>()?;
        for (nested, compiled) in description.nested.values_mut().zip(&nested) {
            nested.description = Some(compiled.description.clone());
        }
        Ok(Arc::new(CompiledComponent {
            engine: engine.clone(),
            modules: loaded.core_modules(engine).into(),
            code: loaded.code,
            exports: ExportTree::new(&description.exports),
            nested,
            lowerings: lowerings(&description.steps),
            lowered_types: OnceLock::new(),
            slots: OnceLock::new(),
            trampolines: OnceLock::new(),
            description: Arc::new(description),
            type_ids: loaded.type_ids,
        }))
    }

    /// A component inside it that is a value.
    pub(super) fn nested(&self, index: NestedComponentIndex) -> Option<&Arc<CompiledComponent>> {
        self.nested.get(index.index())
    }

    /// The engine it was compiled with.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What the component is made of.
    pub(crate) fn description(&self) -> &types::Description {
        &self.description
    }

    /// All exports, nested ones among them.
    pub(super) fn exports(&self) -> &ExportTree {
        &self.exports
    }

    /// See [`Component::get_export`].
    pub(super) fn export(
        &self,
        instance: Option<&super::ComponentExportIndex>,
        name: &str,
    ) -> Option<(types::ComponentItem, super::ComponentExportIndex)> {
        let index = self.exports.find(instance, name)?;
        let item = self.exports.ty(&self.description, index)?;
        Some((item, self.exports.handle(index)))
    }

    /// The import behind each lowering, in the order of [`LoweredIndex`], and how it is called.
    pub(crate) fn lowerings(&self) -> impl Iterator<Item = (RuntimeImportIndex, LoweredType)> {
        let imports = self.lowerings.values().copied();
        let types = self.lowered_types.get_or_init(|| {
            let description = &self.description;
            let types = imports
                .clone()
                .map(|(import, is_async)| LoweredType::new(description, import, is_async));
            types.collect()
        });
        imports.map(|(import, _)| import).zip(types.iter().copied())
    }

    /// Whose task a start function is that this step calls, if it is one.
    pub(super) fn task_owner(&self, step: &Step) -> Option<RuntimeComponentInstanceIndex> {
        let owner = match step {
            Step::Instantiate {
                component_instance, ..
            }
            | Step::InstantiateImported {
                component_instance, ..
            } => *component_instance,
            _ => return None,
        };
        self.description.makes_tasks[owner].then_some(owner)
    }

    /// A core module.
    pub(super) fn module(&self, index: StaticModuleIndex) -> &Arc<CoreModule> {
        &self.modules[index]
    }

    /// The engine-wide id of a core function type.
    pub(crate) fn type_id(&self, signature: SignatureIndex) -> TypeId {
        self.type_ids[signature.as_u32() as usize]
    }

    /// How many slots the array of a built-in has: as many as there are core parameters, or one for the
    /// result.
    #[inline]
    pub(crate) fn builtin_slots(&self, index: TrampolineIndex) -> usize {
        let slots = self.slots.get_or_init(|| {
            let trampolines = self.description.trampolines.values();
            let count = trampolines.map(|trampoline| {
                let ty = self.type_id(trampoline.signature());
                self.engine.func_type(ty).params().len()
            });
            count
                .map(|count| count.clamp(1, MAX_FLAT_PARAMS) as u8)
                .collect()
        });
        slots.get(index.index()).map_or(1, |&count| count.into())
    }

    /// The code of a trampoline.
    ///
    /// # Errors
    /// If the code image lacks it.
    pub(super) fn trampoline(&self, index: TrampolineIndex) -> Result<CodePtr> {
        let trampolines = self.trampolines.get_or_init(|| {
            let indices = self.description.trampolines.keys();
            let code = indices.map(|index| CodePtr::of(&self.code, FuncKey::Trampoline(index)));
            code.collect()
        });
        let code = trampolines.get(index.as_u32() as usize).copied();
        code.flatten()
            .with_context(|| format!("the code image lacks {index}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowerings_are_in_the_order_of_their_indices() {
        let step = |index, import| Step::LowerImport {
            index: LoweredIndex::from_u32(index),
            import: RuntimeImportIndex::from_u32(import),
            async_: false,
        };
        let lowerings = lowerings(&[step(1, 0), step(0, 3)]);
        let imports: Vec<_> = lowerings
            .values()
            .map(|(import, _)| import.as_u32())
            .collect();
        assert_eq!(imports, [3, 0]);
    }
}

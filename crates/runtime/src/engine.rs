//! [`Engine`]: the compiler, its options, and what all stores share.

use crate::code::{CheckedImage, CodeMemory, ImageSource, ModuleNames, lay_out};
use crate::module::binary;
use crate::precompiled::Precompiled;
use crate::type_registry::{Direction, LiveTypes, SharedTypes, Trampoline, TypeId, TypeRegistry};
use crate::vm::{ImageMapping, InstanceAllocator, page_size};
use crate::{Config, LinkError};
use anyhow::{Context as _, Error, Result, ensure};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLockReadGuard};
use threadline_cranelift::{Budget, Compiler, CompilerConfig};
use threadline_environ::artifact::{CodeImage, Descriptions, Settings, encode};
use threadline_environ::component::Component;
use threadline_environ::entity::{EntityRef, PrimaryMap, SecondaryMap};
use threadline_environ::module::Module;
use threadline_environ::{
    FuncType, HeapType, RefType, StaticModuleIndex, Translation, Tunables, ValType,
};
use threadline_fiber::{PoolConfig, StackPool};

/// The most address space that is taken at once for stacks.
const STACK_CHUNK: usize = 128 << 20;

fn stack_pool_config(config: &Config) -> PoolConfig {
    let pool = PoolConfig::default();
    let fit = STACK_CHUNK / config.async_stack_size.max(1);
    PoolConfig {
        stack_size: config.async_stack_size,
        max_stacks: config.max_async_stacks,
        stacks_per_chunk: fit.clamp(1, pool.stacks_per_chunk),
        ..pool
    }
}

/// Compiles modules and components, and owns what they have in common.
///
/// Cheap to clone; clones are the same engine. Modules, linkers and stores work together only if
/// they were made with the same engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<EngineInner>,
}

struct EngineInner {
    config: Config,
    compiler: Compiler,
    /// What images must have been compiled for.
    settings: Settings,
    types: SharedTypes,
    allocator: InstanceAllocator,
    epoch: Arc<AtomicU64>,
    stacks: StackPool,
}

/// Published code with the descriptions of what it was compiled from.
pub(crate) struct Loaded {
    /// The machine code.
    pub(crate) code: Arc<CodeMemory>,
    /// The core modules.
    pub(crate) modules: PrimaryMap<StaticModuleIndex, Arc<Module>>,
    /// The component, if the binary is one.
    pub(crate) component: Option<Component>,
    /// Engine-wide ids of the image's function types, by `SignatureIndex`.
    pub(crate) type_ids: Arc<LiveTypes>,
    /// The component's nested components, by `NestedComponentIndex`.
    pub(crate) nested: Vec<Loaded>,
}

impl Engine {
    /// Makes an engine.
    ///
    /// # Errors
    /// If the host isn't one we generate code for, or the options don't fit together.
    pub fn new(config: &Config) -> Result<Engine> {
        config.features.check().map_err(Error::msg)?;
        let compiler = Compiler::new(&CompilerConfig {
            tunables: config.tunables.clone(),
            target: None,
        })?;
        let mut settings = Settings::new(&config.tunables, config.features);
        settings.add("page size", page_size());
        compiler.add_settings(&mut settings);
        Ok(Engine {
            inner: Arc::new(EngineInner {
                config: config.clone(),
                compiler,
                settings,
                types: SharedTypes::default(),
                allocator: InstanceAllocator::new(&config.allocation, &config.tunables)?,
                epoch: Arc::default(),
                stacks: StackPool::new(&stack_pool_config(config))
                    .context("asynchronous stacks")?,
            }),
        })
    }

    /// The options it was made with.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Whether both are the same engine.
    pub fn same(a: &Engine, b: &Engine) -> bool {
        Arc::ptr_eq(&a.inner, &b.inner)
    }

    /// Begins the next epoch: wasm whose deadline that is is interrupted, in all stores of the
    /// engine, if [`Config::epoch_interruption`] is on.
    ///
    /// It's an atomic increment, good for signal handlers. Usually a thread of the embedder's
    /// calls it at regular intervals.
    pub fn increment_epoch(&self) {
        self.inner.epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// The count of epochs.
    pub(crate) fn epoch(&self) -> &Arc<AtomicU64> {
        &self.inner.epoch
    }

    /// Where instances get what they are made of.
    pub(crate) fn allocator(&self) -> &InstanceAllocator {
        &self.inner.allocator
    }

    /// Where stacks of asynchronous calls come from.
    pub(crate) fn stacks(&self) -> &StackPool {
        &self.inner.stacks
    }

    pub(crate) fn tunables(&self) -> &Tunables {
        &self.inner.config.tunables
    }

    /// Parses, validates and compiles a binary, and publishes its code.
    pub(crate) fn load(&self, bytes: &[u8]) -> Result<Loaded> {
        let (image, mut descriptions) = self.compile(bytes)?;
        let image = lay_out(image, &descriptions, &self.inner.settings)
            .context("failed to load compiled code")?;
        // They are in the image.
        for module in descriptions.modules.values_mut() {
            module.data_bytes = Box::default();
            module.image_bytes = Box::default();
            module.func_names = SecondaryMap::new();
        }
        self.publish(image, descriptions)
    }

    /// Publishes the code of an image.
    ///
    /// # Errors
    /// If it is damaged or not for this engine.
    pub(crate) fn load_image(&self, source: ImageSource) -> Result<Loaded> {
        let (mapping, is_copy) = match source {
            ImageSource::Copy(mapping) => (mapping, true),
            ImageSource::File(mapping) => (mapping, false),
        };
        let image = CheckedImage::new(mapping, &self.inner.settings)?;
        if is_copy {
            image.check_rest()?;
        }
        let descriptions = image.descriptions()?;
        self.publish(image, descriptions)
    }

    /// # Errors
    /// As for [`Engine::load_image`], of the images in this one.
    fn publish(&self, image: CheckedImage, descriptions: Descriptions) -> Result<Loaded> {
        let nested = image.nested().map(|image| {
            let mapping = ImageMapping::copy(image).context("no memory for code")?;
            self.load_image(ImageSource::Copy(mapping))
        });
        let nested = nested.collect::<Result<_>>()?;
        let Descriptions {
            modules,
            mut component,
            signatures,
        } = descriptions;
        let type_ids = Arc::new(self.inner.types.intern_all(&signatures)?);
        if let Some(component) = &mut component {
            component.renumber_mentioned_types(|signature| type_ids[signature.index()].index());
        }
        let mut names = ModuleNames::default();
        for (_, mut module) in modules {
            module.renumber_mentioned_types(|signature| type_ids[signature.index()].index());
            names.modules.push(Arc::new(module));
        }
        let modules = names.modules.clone();
        let code = CodeMemory::publish(image, Arc::new(names));
        self.inner.types.write().add_module(&type_ids, &code);
        Ok(Loaded {
            code,
            modules,
            component,
            type_ids,
            nested,
        })
    }

    fn compile(&self, bytes: &[u8]) -> Result<(CodeImage, Descriptions)> {
        let budget = Budget::new(self.inner.config.max_expansion, bytes.len());
        let translation = Translation::parse(bytes, self.inner.config.features)?;
        self.compile_translation(translation, &budget)
    }

    fn compile_translation(
        &self,
        mut translation: Translation<'_>,
        budget: &Budget,
    ) -> Result<(CodeImage, Descriptions)> {
        let nested = std::mem::take(&mut translation.nested).into_iter();
        let nested = nested.map(|(_, translation)| {
            let (image, descriptions) = self.compile_translation(translation, budget)?;
            encode(&image, &descriptions, &self.inner.settings, page_size())
        });
        let nested = nested.collect::<Result<_>>()?;
        let (mut image, mut descriptions) = self.inner.compiler.compile(translation, budget)?;
        for module in descriptions.modules.values_mut() {
            module.settle_data(page_size() as u64);
        }
        image.nested = nested;
        Ok((image, descriptions))
    }

    /// Compiles a core module, binary or (with the feature `wat`) text, to an image for
    /// [`Module::deserialize`](crate::Module::deserialize) of engines like this one.
    ///
    /// # Errors
    /// As [`Module::new`](crate::Module::new).
    pub fn precompile_module(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        self.precompile(bytes, Precompiled::Module)
    }

    /// Compiles a component, binary or (with the feature `wat`) text, to an image for
    /// [`Component::deserialize`](crate::component::Component::deserialize) of engines like this
    /// one.
    ///
    /// # Errors
    /// As [`Component::new`](crate::component::Component::new).
    pub fn precompile_component(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        self.precompile(bytes, Precompiled::Component)
    }

    fn precompile(&self, bytes: &[u8], expected: Precompiled) -> Result<Vec<u8>> {
        let (image, descriptions) = self.compile(&binary(bytes)?)?;
        expected.check(descriptions.component.is_some())?;
        encode(&image, &descriptions, &self.inner.settings, page_size())
    }

    /// What an image is of, by its first bytes; `None` if they are those of no image. It may still
    /// be damaged, or not for this engine.
    pub fn detect_precompiled(bytes: &[u8]) -> Option<Precompiled> {
        Precompiled::detect(bytes)
    }

    /// Parses and validates a core module, function bodies included, without keeping anything.
    pub(crate) fn validate(&self, bytes: &[u8]) -> Result<()> {
        let translation = Translation::parse(bytes, self.inner.config.features)?;
        ensure!(
            translation.component.is_none(),
            "expected a core module, found a component"
        );
        Ok(translation.validate_bodies()?)
    }

    /// The heap type of references to functions of this type.
    ///
    /// It is a number that other engines know nothing of. The engine keeps the type from now on. An engine
    /// refuses a number that it has not given out ([`LinkError::WrongEngine`](crate::LinkError)); one
    /// that it has given out is another type there.
    ///
    /// # Panics
    /// If the type mentions a function type by a number that is not this engine's.
    pub fn heap_type(&self, ty: &FuncType) -> HeapType {
        let types = self.intern(ty);
        let id = types[0];
        self.inner.types.write().pin(id);
        HeapType::Concrete(id.index())
    }

    /// The type of the functions that a heap type refers to; `None` if it isn't a function type
    /// of this engine.
    pub fn func_type_of(&self, heap_type: HeapType) -> Option<FuncType> {
        match heap_type {
            HeapType::Concrete(index) => Some(self.types().table().get(index)?.func.clone()),
            _ => None,
        }
    }

    /// The id, the only one, of a type that is declared alone, without `sub`.
    ///
    /// # Panics
    /// If the type mentions a function type by a number that is not this engine's, or whose type is
    /// gone; if the engine has no number left for it.
    pub(crate) fn intern(&self, ty: &FuncType) -> LiveTypes {
        let types = self.inner.types.intern(ty);
        let types = types.unwrap_or_else(|error| panic!("{error}"));
        types
            .unwrap_or_else(|| panic!("{ty} mentions a function type that the engine doesn't know"))
    }

    /// Keeps the type that a reference type names, if it names one.
    ///
    /// # Errors
    /// If the engine has no such type.
    pub(crate) fn hold(&self, ty: RefType) -> Result<LiveTypes> {
        match ty.heap_type {
            HeapType::Concrete(index) => self.inner.types.hold(index).with_context(|| {
                format!("{ty} names a function type that the engine doesn't know, or has no more")
            }),
            _ => Ok(LiveTypes::default()),
        }
    }

    /// Checks that the function types that are mentioned by number are types of this engine.
    ///
    /// # Errors
    /// If there is no function type of such a number.
    pub(crate) fn check_types(
        &self,
        types: impl IntoIterator<Item = ValType>,
    ) -> Result<(), LinkError> {
        for ty in types {
            if let ValType::Ref(RefType { heap_type, .. }) = ty
                && let HeapType::Concrete(index) = heap_type
                && self.types().table().get(index).is_none()
            {
                return Err(LinkError::WrongEngine {
                    what: "function type that is mentioned",
                });
            }
        }
        Ok(())
    }

    /// The same for all that a function type mentions.
    ///
    /// # Errors
    /// As for [`Self::check_types`].
    pub(crate) fn check_func_type(&self, ty: &FuncType) -> Result<(), LinkError> {
        self.check_types(ty.params().iter().chain(ty.results()).copied())
    }

    /// Whether functions of one type are functions of another.
    pub(crate) fn is_subtype(&self, a: TypeId, b: TypeId) -> bool {
        a == b || self.types().table().is_subtype(a.index(), b.index())
    }

    /// Whether references of one type are references of another.
    pub(crate) fn ref_type_matches(&self, a: RefType, b: RefType) -> bool {
        a == b || self.types().table().ref_type_matches(a, b)
    }

    /// Whether values of one type are values of another.
    pub(crate) fn val_type_matches(&self, a: ValType, b: ValType) -> bool {
        a == b || self.types().table().val_type_matches(a, b)
    }

    pub(crate) fn func_type(&self, id: TypeId) -> Arc<FuncType> {
        self.types().get(id)
    }

    /// The trampoline for a type, compiled now if no loaded code has it.
    pub(crate) fn trampoline(&self, id: TypeId, direction: Direction) -> Result<Trampoline> {
        if let Some(trampoline) = self.types().trampoline(id, direction) {
            return Ok(trampoline);
        }
        let ty = self.func_type(id);
        let (image, _) = self
            .inner
            .compiler
            .compile_trampolines(&[ty.with_plain_references()])
            .with_context(|| format!("failed to compile trampolines for {ty}"))?;
        let image = lay_out(image, &Descriptions::default(), &self.inner.settings)
            .context("failed to load compiled code")?;
        let code = CodeMemory::publish(image, Arc::default());
        let mut types = self.inner.types.write();
        types.add_resident(id, &code);
        types
            .trampoline(id, direction)
            .with_context(|| format!("the compiler made no trampoline for {ty}"))
    }

    #[cfg(test)]
    pub(crate) fn inner_types(&self) -> &SharedTypes {
        &self.inner.types
    }

    /// How many function types there are.
    #[cfg(test)]
    pub(crate) fn type_count(&self) -> usize {
        self.types().table().len()
    }

    fn types(&self) -> RwLockReadGuard<'_, TypeRegistry> {
        self.inner.types.read()
    }
}

impl Default for Engine {
    /// An engine with the default options.
    ///
    /// # Panics
    /// If the host isn't one we generate code for.
    fn default() -> Engine {
        Engine::new(&Config::default()).expect("the default options fit a supported host")
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}

//! [`Engine`]: the compiler, its options, and what all stores share.

use crate::Config;
use crate::code::{CodeMemory, ModuleNames};
use crate::type_registry::{Direction, Trampoline, TypeId, TypeRegistry};
use anyhow::{Context as _, Error, Result, ensure};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use threadline_cranelift::{CompiledDescriptions, Compiler, CompilerConfig};
use threadline_environ::component::Component;
use threadline_environ::entity::{EntityRef, PrimaryMap};
use threadline_environ::module::Module;
use threadline_environ::{
    FuncType, HeapType, RefType, StaticModuleIndex, Translation, Tunables, ValType,
};

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
    types: RwLock<TypeRegistry>,
    epoch: Arc<AtomicU64>,
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
    pub(crate) type_ids: Arc<[TypeId]>,
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
        Ok(Engine {
            inner: Arc::new(EngineInner {
                config: config.clone(),
                compiler,
                types: RwLock::default(),
                epoch: Arc::default(),
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

    pub(crate) fn tunables(&self) -> &Tunables {
        &self.inner.config.tunables
    }

    /// Parses, validates and compiles a binary, and publishes its code.
    pub(crate) fn load(&self, bytes: &[u8]) -> Result<Loaded> {
        let translation = Translation::parse(bytes, self.inner.config.features)?;
        let (image, descriptions) = self.inner.compiler.compile(translation)?;
        let CompiledDescriptions {
            modules,
            component,
            signatures,
        } = descriptions;
        let type_ids = self.types_mut().intern_all(&signatures);
        let mut names = ModuleNames::default();
        for (_, mut module) in modules {
            module.renumber_mentioned_types(|signature| type_ids[signature.index()].index());
            names.modules.push(Arc::new(module));
        }
        let modules = names.modules.clone();
        let code =
            CodeMemory::publish(image, Arc::new(names)).context("failed to load compiled code")?;
        self.types_mut().add_module(&type_ids, &code);
        Ok(Loaded {
            code,
            modules,
            component,
            type_ids,
        })
    }

    /// Parses and validates a core module, function bodies included, without keeping anything.
    pub(crate) fn validate(&self, bytes: &[u8]) -> Result<()> {
        let translation = Translation::parse(bytes, self.inner.config.features)?;
        ensure!(
            translation.component.is_none(),
            "expected a core module, found a component"
        );
        self.inner.compiler.compile(translation)?;
        Ok(())
    }

    /// The heap type of references to functions of this type.
    ///
    /// It is a number that other engines know nothing of.
    ///
    /// # Panics
    /// If the type mentions a function type by a number that is not this engine's.
    pub fn heap_type(&self, ty: &FuncType) -> HeapType {
        HeapType::Concrete(self.intern(ty).index())
    }

    /// The type of the functions that a heap type refers to; `None` if it isn't a function type
    /// of this engine.
    pub fn func_type_of(&self, heap_type: HeapType) -> Option<FuncType> {
        match heap_type {
            HeapType::Concrete(index) => Some(self.types().table().get(index)?.func.clone()),
            _ => None,
        }
    }

    /// The id of a type that is declared alone, without `sub`.
    ///
    /// # Panics
    /// If the type mentions a function type by a number that is not this engine's.
    pub(crate) fn intern(&self, ty: &FuncType) -> TypeId {
        let known = self.types().table().next_index();
        assert!(
            ty.concrete_types().all(|index| index < known),
            "{ty} mentions a function type that the engine doesn't know"
        );
        if let Some(id) = self.types().find(ty) {
            return id;
        }
        self.types_mut().intern(ty)
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
        self.types().get(id).clone()
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
        let code =
            CodeMemory::publish(image, Arc::default()).context("failed to load compiled code")?;
        let mut types = self.types_mut();
        types.add_resident(id, &code);
        types
            .trampoline(id, direction)
            .with_context(|| format!("the compiler made no trampoline for {ty}"))
    }

    /// A panic while the lock is held leaves at worst a type without trampolines, so poisoning
    /// is of no interest.
    fn types(&self) -> RwLockReadGuard<'_, TypeRegistry> {
        let types = &self.inner.types;
        types.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn types_mut(&self) -> RwLockWriteGuard<'_, TypeRegistry> {
        let types = &self.inner.types;
        types.write().unwrap_or_else(PoisonError::into_inner)
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

//! [`Engine`]: the compiler, its options, and what all stores share.

use crate::Config;
use crate::code::{CodeMemory, ModuleNames};
use crate::type_registry::{Direction, Trampoline, TypeId, TypeRegistry};
use anyhow::{Context as _, Error, Result, ensure};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use threadline_cranelift::{CompiledDescriptions, Compiler, CompilerConfig};
use threadline_environ::component::Component;
use threadline_environ::entity::PrimaryMap;
use threadline_environ::module::Module;
use threadline_environ::{FuncType, StaticModuleIndex, Translation, Tunables};

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
        let mut names = ModuleNames::default();
        for (_, module) in modules {
            names.modules.push(Arc::new(module));
        }
        let modules = names.modules.clone();
        let code =
            CodeMemory::publish(image, Arc::new(names)).context("failed to load compiled code")?;
        let type_ids = self.types_mut().add_module(&signatures, &code);
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

    pub(crate) fn intern(&self, ty: &FuncType) -> TypeId {
        if let Some(id) = self.types().find(ty) {
            return id;
        }
        self.types_mut().intern(ty)
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
        let (image, signatures) = self
            .inner
            .compiler
            .compile_trampolines(std::slice::from_ref(&ty))
            .with_context(|| format!("failed to compile trampolines for {ty}"))?;
        let code =
            CodeMemory::publish(image, Arc::default()).context("failed to load compiled code")?;
        let mut types = self.types_mut();
        types.add_resident(&signatures, &code);
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

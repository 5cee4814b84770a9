//! [`Module`], a compiled core module, and [`CoreModule`], the part of it that instances need.

use crate::code::CodeMemory;
use crate::type_registry::TypeId;
use crate::types::{ExportType, ExternType, ImportType};
use crate::vm::CodePtr;
use crate::{Engine, engine::Loaded};
use anyhow::{Context as _, Result, bail};
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use threadline_environ::artifact::FuncKey;
use threadline_environ::entity::EntityRef;
use threadline_environ::layout::VMContextLayout;
use threadline_environ::{
    EntityIndex, EntityType, FuncIndex, SignatureIndex, StaticModuleIndex, module,
};

/// A core module, compiled and ready to be instantiated.
///
/// Cheap to clone; may be instantiated in any number of stores of its engine.
#[derive(Clone, Debug)]
pub struct Module {
    engine: Engine,
    core: Arc<CoreModule>,
}

impl Module {
    /// Compiles a module from its binary, or from text with the feature `wat`.
    ///
    /// # Errors
    /// If the input is invalid, needs something that is not built, or is a component.
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Module> {
        let bytes = binary(bytes.as_ref())?;
        let Loaded {
            code,
            modules,
            component,
            type_ids,
            ..
        } = engine.load(&bytes)?;
        if component.is_some() {
            bail!("expected a core module, found a component");
        }
        let index = StaticModuleIndex::new(0);
        let module = modules.get(index).context("the binary holds no module")?;
        let module = module.clone();
        Ok(Module {
            engine: engine.clone(),
            core: Arc::new(CoreModule::new(
                engine,
                module,
                index,
                Some(code),
                type_ids,
            )?),
        })
    }

    /// Compiles a module from a file, binary or text.
    ///
    /// # Errors
    /// If the file can't be read, and as [`Module::new`].
    pub fn from_file(engine: &Engine, path: impl AsRef<Path>) -> Result<Module> {
        let path = path.as_ref();
        let bytes =
            std::fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))?;
        Module::new(engine, bytes).with_context(|| format!("failed to load `{}`", path.display()))
    }

    /// Checks that a binary is a valid module that [`Module::new`] would accept.
    ///
    /// # Errors
    /// If it isn't.
    pub fn validate(engine: &Engine, bytes: &[u8]) -> Result<()> {
        engine.validate(bytes)
    }

    /// The engine it was compiled with.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Its name in the name section.
    pub fn name(&self) -> Option<&str> {
        self.core.module.name.as_deref()
    }

    /// What it imports, in order.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType<'_>> {
        self.core.module.imports.iter().map(|import| ImportType {
            module: &import.module,
            name: &import.field,
            ty: self.core.extern_type(import.index),
        })
    }

    /// What it exports, in order.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = ExportType<'_>> {
        let exports = self.core.module.exports.iter();
        exports.map(|(name, index)| ExportType {
            name,
            ty: self.core.extern_type(*index),
        })
    }

    /// The type of an export.
    pub fn get_export(&self, name: &str) -> Option<ExternType> {
        let index = self.core.module.export(name)?;
        Some(self.core.extern_type(index))
    }

    pub(crate) fn core(&self) -> &Arc<CoreModule> {
        &self.core
    }
}

/// The binary in `bytes`, translated if it is text.
#[cfg(feature = "wat")]
pub(crate) fn binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    Ok(wat::parse_bytes(bytes)?)
}

/// The binary in `bytes`; without the feature `wat`, text is left for the parser to refuse.
#[cfg(not(feature = "wat"))]
pub(crate) fn binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    Ok(Cow::Borrowed(bytes))
}

/// A module as instances know it: one of a binary's modules, or one that the host makes up to
/// own a memory, table or global.
pub(crate) struct CoreModule {
    engine: Engine,
    /// Its description. Types of its tables, globals and segments mention function types by
    /// engine-wide numbers.
    pub(crate) module: Arc<module::Module>,
    /// Where everything is in its instances' `VMContext`.
    pub(crate) layout: VMContextLayout,
    /// Which module of its image it is.
    index: StaticModuleIndex,
    /// The image; none if the module defines no functions.
    code: Option<Arc<CodeMemory>>,
    /// Engine-wide type ids, by `SignatureIndex`.
    type_ids: Arc<[TypeId]>,
    /// The code of each defined function that has a `VMFuncRef`, by `FuncRefIndex`; `None` for
    /// imported ones.
    func_ref_code: Box<[Option<CodePtr>]>,
}

impl CoreModule {
    /// Puts a description and its code together. `type_ids` are those of the image.
    ///
    /// # Errors
    /// If the image lacks the code of a function.
    pub(crate) fn new(
        engine: &Engine,
        module: Arc<module::Module>,
        index: StaticModuleIndex,
        code: Option<Arc<CodeMemory>>,
        type_ids: Arc<[TypeId]>,
    ) -> Result<CoreModule> {
        let mut core = CoreModule {
            engine: engine.clone(),
            layout: VMContextLayout::new(&module),
            module,
            index,
            code,
            type_ids,
            func_ref_code: Box::default(),
        };
        let mut func_ref_code = vec![None; core.module.num_func_refs as usize];
        for (func, function) in core.module.functions.iter() {
            let Some(func_ref) = function.func_ref else {
                continue;
            };
            if core.module.defined_func_index(func).is_some() {
                func_ref_code[func_ref.index()] = Some(core.func_code(func)?);
            }
        }
        core.func_ref_code = func_ref_code.into();
        Ok(core)
    }

    /// The engine it belongs to.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The engine-wide id of a type of the image.
    pub(crate) fn type_id(&self, signature: SignatureIndex) -> TypeId {
        self.type_ids[signature.index()]
    }

    /// The engine-wide id of a function's type.
    pub(crate) fn func_type_id(&self, func: FuncIndex) -> TypeId {
        self.type_id(self.module.functions[func].signature)
    }

    /// The code of a function that the module defines.
    ///
    /// # Errors
    /// If the image lacks it, or the function is imported.
    pub(crate) fn func_code(&self, func: FuncIndex) -> Result<CodePtr> {
        let defined = self.module.defined_func_index(func);
        defined
            .and_then(|defined| {
                let code = self.code.as_ref()?;
                CodePtr::of(code, FuncKey::Wasm(self.index, defined))
            })
            .with_context(|| format!("the code image lacks function {}", func.index()))
    }

    /// The code behind each `VMFuncRef`; `None` for imported functions.
    pub(crate) fn func_ref_code(&self) -> &[Option<CodePtr>] {
        &self.func_ref_code
    }

    /// The type of an import or export.
    pub(crate) fn extern_type(&self, index: EntityIndex) -> ExternType {
        match self.module.entity_type(index) {
            EntityType::Func(signature) => {
                let ty = self.engine.func_type(self.type_id(signature));
                ExternType::Func((*ty).clone())
            }
            EntityType::Table(ty) => ExternType::Table(ty),
            EntityType::Memory(ty) => ExternType::Memory(ty),
            EntityType::Global(ty) => ExternType::Global(ty),
            EntityType::Tag(signature) => {
                ExternType::Tag((*self.engine.func_type(self.type_id(signature))).clone())
            }
        }
    }
}

impl std::fmt::Debug for CoreModule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CoreModule")
            .field("name", &self.module.name)
            .finish_non_exhaustive()
    }
}

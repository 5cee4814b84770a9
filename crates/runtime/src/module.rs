//! [`Module`], a compiled core module, and [`CoreModule`], the part of it that instances need.

use crate::code::{CodeMemory, ImagePart, ImageSource};
use crate::type_registry::{LiveTypes, TypeId};
use crate::types::{ExportType, ExternType, ImportType};
use crate::vm::{CodePtr, StaticData};
use crate::{Engine, engine::Loaded};
use anyhow::{Context as _, Result, bail};
use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use threadline_environ::artifact::FuncKey;
use threadline_environ::entity::EntityRef;
use threadline_environ::layout::VMContextLayout;
use threadline_environ::module::ElemItems;
use threadline_environ::{
    ElemIndex, EntityIndex, EntityType, FuncIndex, SignatureIndex, StaticModuleIndex, module,
};

/// A core module, compiled and ready to be instantiated.
///
/// Cheap to clone; may be instantiated in any number of stores of its engine.
#[derive(Clone, Debug)]
pub struct Module {
    engine: Engine,
    core: Arc<CoreModule>,
    /// Whether its code is in the image of a component.
    is_part: bool,
}

impl Module {
    /// Compiles a module from its binary, or from text with the feature `wat`.
    ///
    /// # Errors
    /// If the input is invalid, needs something that is not built, or is a component.
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Module> {
        let bytes = binary(bytes.as_ref())?;
        Module::from_loaded(engine, engine.load(&bytes)?)
    }

    /// A module that an instance exports.
    pub(crate) fn from_core(engine: &Engine, core: Arc<CoreModule>) -> Module {
        Module {
            engine: engine.clone(),
            core,
            is_part: true,
        }
    }

    /// A module from an image of it.
    ///
    /// # Errors
    /// If the image is damaged, not for this engine, or one of a component.
    pub(crate) fn from_image(engine: &Engine, image: ImageSource) -> Result<Module> {
        Module::from_loaded(engine, engine.load_image(image)?)
    }

    fn from_loaded(engine: &Engine, loaded: Loaded) -> Result<Module> {
        if loaded.component.is_some() {
            bail!("expected a core module, found a component");
        }
        let mut modules = loaded.core_modules(engine);
        let core = modules.pop().context("the binary holds no module")?;
        Ok(Module {
            engine: engine.clone(),
            core,
            is_part: false,
        })
    }

    /// The module as an image for [`Module::deserialize`], to be kept in a file, so that it need
    /// not be compiled again.
    ///
    /// # Errors
    /// If it is none that was compiled, or part of a component.
    pub fn serialize(&self) -> Result<Vec<u8>> {
        if self.is_part {
            bail!("the module is part of a component: serialize that");
        }
        let code = self.core.code.as_ref();
        let code = code.context("the host made up this module")?;
        Ok(code.bytes().to_vec())
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

    /// Checks that a binary is a valid module, of what the engine supports, without compiling it.
    /// What is valid may still be too large to be compiled.
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
    /// The image; none if the host made up the module.
    code: Option<Arc<CodeMemory>>,
    /// Where its data segments' bytes are in the image's.
    data: Range<usize>,
    /// Where its memories' images are in the image's.
    images: Range<usize>,
    /// Which of the image's `VMFuncRef`s is its first.
    first_func_ref: usize,
    /// Engine-wide type ids, by `SignatureIndex`.
    type_ids: Arc<LiveTypes>,
    /// Its `VMFuncRef`s, found for the first of its instances.
    func_refs: OnceLock<Box<[FuncRefTemplate]>>,
    /// By [`ElemIndex`], where the `VMFuncRef`s of a segment's functions are; found likewise.
    elem_func_refs: OnceLock<Box<[ElemFuncRefs]>>,
    /// What its instances' memories begin with, made for the first of them.
    static_data: OnceLock<StaticData>,
}

/// Offsets in the `VMContext`, for a segment of functions all of which have a `VMFuncRef`.
type ElemFuncRefs = Option<Box<[u32]>>;

/// What all instances of a module know of a `VMFuncRef` beforehand.
pub(crate) struct FuncRefTemplate {
    /// Where it is in the `VMContext`.
    pub(crate) offset: u32,
    /// The function's type.
    pub(crate) type_id: TypeId,
    /// The function.
    pub(crate) func: FuncIndex,
    /// Its code, if the module defines it.
    pub(crate) code: Option<CodePtr>,
}

impl Loaded {
    /// The core modules, each with its part of the image.
    pub(crate) fn core_modules(&self, engine: &Engine) -> Vec<Arc<CoreModule>> {
        let (mut first_func_ref, mut data_start, mut images_start) = (0, 0, 0);
        let modules = self.modules.iter().map(|(index, module)| {
            let data = data_start..data_start + module.data.byte_length();
            let images = images_start..images_start + module.image_length();
            (data_start, images_start) = (data.end, images.end);
            let core = CoreModule {
                engine: engine.clone(),
                layout: VMContextLayout::new(module),
                module: module.clone(),
                index,
                code: Some(self.code.clone()),
                data,
                images,
                first_func_ref,
                type_ids: self.type_ids.clone(),
                func_refs: OnceLock::new(),
                elem_func_refs: OnceLock::new(),
                static_data: OnceLock::new(),
            };
            first_func_ref += module.num_func_refs as usize;
            Arc::new(core)
        });
        modules.collect()
    }
}

impl CoreModule {
    /// A module without functions, made up by the host. `type_ids` are those of its types.
    pub(crate) fn without_code(
        engine: &Engine,
        module: module::Module,
        type_ids: Arc<LiveTypes>,
    ) -> CoreModule {
        CoreModule {
            engine: engine.clone(),
            layout: VMContextLayout::new(&module),
            module: Arc::new(module),
            index: StaticModuleIndex::new(0),
            code: None,
            data: 0..0,
            images: 0..0,
            first_func_ref: 0,
            type_ids,
            func_refs: OnceLock::new(),
            elem_func_refs: OnceLock::new(),
            static_data: OnceLock::new(),
        }
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

    /// What is known of each `VMFuncRef` beforehand.
    pub(crate) fn func_refs(&self) -> &[FuncRefTemplate] {
        self.func_refs.get_or_init(|| {
            let functions = self.module.functions.iter();
            let templates = functions.filter_map(|(func, function)| {
                let func_ref = function.func_ref?;
                let number = self.first_func_ref + func_ref.index();
                let code = self.code.as_ref();
                Some(FuncRefTemplate {
                    offset: self.layout.func_ref(func_ref),
                    type_id: self.type_id(function.signature),
                    func,
                    code: code.and_then(|code| CodePtr::of_func_ref(code, number)),
                })
            });
            templates.collect()
        })
    }

    /// Where in the `VMContext` the `VMFuncRef`s of a segment's functions are, if it is one of
    /// functions.
    pub(crate) fn elem_func_refs(&self, elem: ElemIndex) -> Option<&[u32]> {
        let all = self.elem_func_refs.get_or_init(|| {
            let offset = |func: &FuncIndex| {
                let func_ref = self.module.functions[*func].func_ref?;
                Some(self.layout.func_ref(func_ref))
            };
            let segments = self.module.elems.values();
            let offsets = segments.map(|segment| match &segment.items {
                ElemItems::Funcs(funcs) => funcs.iter().map(offset).collect(),
                ElemItems::Exprs(_) => None,
            });
            offsets.collect()
        });
        all.get(elem.index())?.as_deref()
    }

    /// The bytes of all data segments.
    pub(crate) fn data_bytes(&self) -> &[u8] {
        let data = self.code.as_ref().map(|code| code.data());
        data.and_then(|data| data.get(self.data.clone()))
            .unwrap_or_default()
    }

    /// A part of its memories' images.
    pub(crate) fn image(&self, part: Range<usize>) -> Option<ImagePart<'_>> {
        let start = self.images.start.checked_add(part.start)?;
        let end = self.images.start.checked_add(part.end)?;
        let inside = end <= self.images.end;
        self.code.as_ref().filter(|_| inside)?.memories(start..end)
    }

    /// What its instances' memories begin with, where it is mapped.
    pub(crate) fn static_data(&self) -> &StaticData {
        let least = self.engine.allocator().least_image();
        self.static_data
            .get_or_init(|| StaticData::new(self, least))
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

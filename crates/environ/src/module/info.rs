//! The description of a core module.

use super::{ConstExpr, DataSegments, MemoryImage};
use crate::UnsafeIntrinsic;
use crate::index::*;
use crate::types::{EntityType, GlobalType, MemoryType, RefType, TableType};
use cranelift_entity::{EntityRef, PrimaryMap, SecondaryMap};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use wasmparser::{FuncToValidate, ValidatorResources};

/// A core module's function types, by index in the module.
pub type TypeSpace = PrimaryMap<TypeIndex, SignatureIndex>;

/// A core module's description, without code.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Module {
    /// Its name in the name section.
    pub name: Option<String>,
    /// Its type index space. Entries that are no function types are refused at parse time.
    #[serde(with = "crate::serial::map")]
    pub types: TypeSpace,
    /// What it imports, in order.
    pub imports: Vec<Import>,
    /// What it exports, in order, names unique.
    pub exports: Vec<(String, EntityIndex)>,
    /// Positions in `exports`, in the order of the names; see [`Module::index_exports`].
    pub exports_by_name: Vec<u32>,
    /// All functions, imported ones first.
    #[serde(with = "crate::serial::map")]
    pub functions: PrimaryMap<FuncIndex, Function>,
    /// All tables, imported ones first.
    #[serde(with = "crate::serial::map")]
    pub tables: PrimaryMap<TableIndex, TableType>,
    /// All memories, imported ones first.
    #[serde(with = "crate::serial::map")]
    pub memories: PrimaryMap<MemoryIndex, MemoryType>,
    /// All globals, imported ones first.
    #[serde(with = "crate::serial::map")]
    pub globals: PrimaryMap<GlobalIndex, GlobalType>,
    /// The types of all tags, imported ones first.
    #[serde(with = "crate::serial::map")]
    pub tags: PrimaryMap<TagIndex, SignatureIndex>,
    /// How many of `functions` are imported.
    pub num_imported_funcs: usize,
    /// How many of `tables` are imported.
    pub num_imported_tables: usize,
    /// How many of `memories` are imported.
    pub num_imported_memories: usize,
    /// How many of `globals` are imported.
    pub num_imported_globals: usize,
    /// How many of `tags` are imported.
    pub num_imported_tags: usize,
    /// How many functions can be referred to, and so have a `VMFuncRef`.
    pub num_func_refs: u32,
    /// The function that instantiation calls last.
    pub start: Option<FuncIndex>,
    /// First values of defined globals.
    #[serde(with = "crate::serial::map")]
    pub global_inits: PrimaryMap<DefinedGlobalIndex, ConstExpr>,
    /// First value of each element of defined tables; `None` for null.
    #[serde(with = "crate::serial::map")]
    pub table_inits: PrimaryMap<DefinedTableIndex, Option<ConstExpr>>,
    /// Element segments.
    #[serde(with = "crate::serial::map")]
    pub elems: PrimaryMap<ElemIndex, ElemSegment>,
    /// Data segments.
    pub data: DataSegments,
    /// What its memories begin with, where [`Module::settle_data`] has found that out.
    pub memory_images: Vec<MemoryImage>,
    /// The bytes of all data segments. A module that was loaded finds them in its image.
    #[serde(skip)]
    pub data_bytes: Box<[u8]>,
    /// The bytes of [`Module::memory_images`]. A module that was loaded finds them in its image.
    #[serde(skip)]
    pub image_bytes: Box<[u8]>,
    /// Function names in the name section. A module that was loaded finds them in its image.
    #[serde(skip)]
    pub func_names: SecondaryMap<FuncIndex, Option<Box<str>>>,
}

/// An import of a core module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Import {
    /// The first of its two names.
    pub module: String,
    /// The second of its two names.
    pub field: String,
    /// Where it stands in the module's index spaces.
    pub index: EntityIndex,
}

/// A function of a core module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Function {
    /// Its type.
    pub signature: SignatureIndex,
    /// Its place among the function references of the `VMContext`, if it can be referred to
    /// (it is exported, or occurs in an element segment, a global or a `ref.func`).
    pub func_ref: Option<FuncRefIndex>,
}

/// An element segment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ElemSegment {
    /// When its elements are used.
    pub mode: SegmentMode<TableIndex>,
    /// The type of its elements.
    pub ty: RefType,
    /// Its elements.
    pub items: ElemItems,
}

/// The elements of a segment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ElemItems {
    /// References to functions.
    Funcs(Box<[FuncIndex]>),
    /// Constant expressions.
    Exprs(Box<[ConstExpr]>),
}

/// A data segment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DataSegment {
    /// When its bytes are used.
    pub mode: SegmentMode<MemoryIndex>,
    /// Its bytes, in [`Module::data_bytes`].
    pub range: Range<u32>,
}

/// When a segment is used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum SegmentMode<T> {
    /// At instantiation, into a table or memory at an offset.
    Active {
        /// The table or memory.
        target: T,
        /// Where in it.
        offset: ConstExpr,
    },
    /// By `table.init` or `memory.init`.
    Passive,
    /// Never; it only declares what `ref.func` may refer to.
    Declared,
}

/// What is known at compile time about an imported function.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub enum KnownImport {
    /// It is an intrinsic, to be emitted in place of calls.
    Intrinsic(UnsafeIntrinsic),
    /// It is a function of a module of this translation: calls are direct, with the `VMContext`
    /// from the import.
    Wasm(StaticModuleIndex, DefinedFuncIndex),
    /// It is a trampoline of this component: calls are direct.
    Trampoline(TrampolineIndex),
}

/// A function body, to be validated and translated later.
pub struct FunctionBody {
    /// Validates the body's operators.
    pub validator: FuncToValidate<ValidatorResources>,
    /// Its bytes in [`ModuleTranslation::bytes`], without the size that precedes them.
    pub range: Range<usize>,
}

impl Clone for FunctionBody {
    fn clone(&self) -> FunctionBody {
        let FuncToValidate {
            resources,
            index,
            ty,
            features,
        } = &self.validator;
        FunctionBody {
            validator: FuncToValidate {
                resources: resources.clone(),
                index: *index,
                ty: *ty,
                features: *features,
            },
            range: self.range.clone(),
        }
    }
}

/// A core module with what the compiler needs beside its description.
#[derive(Clone)]
pub struct ModuleTranslation<'data> {
    /// The description.
    pub module: Module,
    /// The binary that ranges of bodies refer to.
    pub bytes: Cow<'data, [u8]>,
    /// What to add to an offset in `bytes` to get the offset in the outermost binary.
    pub base_offset: u64,
    /// The code of defined functions.
    pub bodies: PrimaryMap<DefinedFuncIndex, FunctionBody>,
    /// What is known about imported functions; entries exist only for those known.
    pub known_imports: BTreeMap<FuncIndex, KnownImport>,
    /// What to add to the address of an instance's `VMContext` to get at its component's context
    /// slots; known if the module has one instance in a component.
    pub context_distance: Option<i32>,
    /// Whether this crate made it: an adapter.
    pub is_adapter: bool,
    /// Whether it is an adapter that an exception may come to: one that reaches a frame of its
    /// functions is at the border of a component, where it becomes a trap.
    pub is_exception_barrier: bool,
}

impl Module {
    /// The defined function behind an index, or `None` for an imported one.
    pub fn defined_func_index(&self, index: FuncIndex) -> Option<DefinedFuncIndex> {
        let defined = index.index().checked_sub(self.num_imported_funcs)?;
        Some(DefinedFuncIndex::new(defined))
    }

    /// The index of a defined function in the function index space.
    pub fn func_index(&self, index: DefinedFuncIndex) -> FuncIndex {
        FuncIndex::new(self.num_imported_funcs + index.index())
    }

    /// The defined table behind an index, or `None` for an imported one.
    pub fn defined_table_index(&self, index: TableIndex) -> Option<DefinedTableIndex> {
        let defined = index.index().checked_sub(self.num_imported_tables)?;
        Some(DefinedTableIndex::new(defined))
    }

    /// The index of a defined table in the table index space.
    pub fn table_index(&self, index: DefinedTableIndex) -> TableIndex {
        TableIndex::new(self.num_imported_tables + index.index())
    }

    /// The defined memory behind an index, or `None` for an imported one.
    pub fn defined_memory_index(&self, index: MemoryIndex) -> Option<DefinedMemoryIndex> {
        let defined = index.index().checked_sub(self.num_imported_memories)?;
        Some(DefinedMemoryIndex::new(defined))
    }

    /// The index of a defined memory in the memory index space.
    pub fn memory_index(&self, index: DefinedMemoryIndex) -> MemoryIndex {
        MemoryIndex::new(self.num_imported_memories + index.index())
    }

    /// The defined global behind an index, or `None` for an imported one.
    pub fn defined_global_index(&self, index: GlobalIndex) -> Option<DefinedGlobalIndex> {
        let defined = index.index().checked_sub(self.num_imported_globals)?;
        Some(DefinedGlobalIndex::new(defined))
    }

    /// The index of a defined global in the global index space.
    pub fn global_index(&self, index: DefinedGlobalIndex) -> GlobalIndex {
        GlobalIndex::new(self.num_imported_globals + index.index())
    }

    /// The defined tag behind an index, or `None` for an imported one.
    pub fn defined_tag_index(&self, index: TagIndex) -> Option<DefinedTagIndex> {
        let defined = index.index().checked_sub(self.num_imported_tags)?;
        Some(DefinedTagIndex::new(defined))
    }

    /// The index of a defined tag in the tag index space.
    pub fn tag_index(&self, index: DefinedTagIndex) -> TagIndex {
        TagIndex::new(self.num_imported_tags + index.index())
    }

    /// How many tags it defines.
    pub fn num_defined_tags(&self) -> usize {
        self.tags.len() - self.num_imported_tags
    }

    /// How many memories it defines.
    pub fn num_defined_memories(&self) -> usize {
        self.memories.len() - self.num_imported_memories
    }

    /// How many globals it defines.
    pub fn num_defined_globals(&self) -> usize {
        self.globals.len() - self.num_imported_globals
    }

    /// How many tables it defines.
    pub fn num_defined_tables(&self) -> usize {
        self.tables.len() - self.num_imported_tables
    }

    /// The export with this name.
    pub fn export(&self, name: &str) -> Option<EntityIndex> {
        let of = |position: u32| self.exports.get(position as usize);
        let found = self.exports_by_name.binary_search_by(|&position| {
            of(position)
                .map(|export| export.0.as_str())
                .cmp(&Some(name))
        });
        let position = self.exports_by_name.get(found.ok()?)?;
        Some(of(*position)?.1)
    }

    /// Makes exports known by their names, once all are there.
    pub fn index_exports(&mut self) {
        let mut positions: Vec<u32> = (0..self.exports.len() as u32).collect();
        positions.sort_by_key(|&position| &self.exports[position as usize].0);
        self.exports_by_name = positions;
    }

    /// The type of an import or export.
    pub fn entity_type(&self, index: EntityIndex) -> EntityType {
        match index {
            EntityIndex::Func(i) => EntityType::Func(self.functions[i].signature),
            EntityIndex::Table(i) => EntityType::Table(self.tables[i]),
            EntityIndex::Memory(i) => EntityType::Memory(self.memories[i]),
            EntityIndex::Global(i) => EntityType::Global(self.globals[i]),
            EntityIndex::Tag(i) => EntityType::Tag(self.tags[i]),
        }
    }

    /// Replaces the numbers by which types of its tables, globals and segments mention function
    /// types. Its functions keep the numbers of the translation.
    pub fn renumber_mentioned_types(&mut self, number: impl Fn(SignatureIndex) -> SignatureIndex) {
        for table in self.tables.values_mut() {
            table.element = table.element.renumber(&number);
        }
        for global in self.globals.values_mut() {
            global.content = global.content.renumber(&number);
        }
        for segment in self.elems.values_mut() {
            segment.ty = segment.ty.renumber(&number);
        }
    }

    /// The function's name in the name section, else the first name it is exported under.
    pub fn func_name(&self, index: FuncIndex) -> Option<&str> {
        if let Some(name) = &self.func_names[index] {
            return Some(name);
        }
        self.exports.iter().find_map(|(name, entity)| {
            (*entity == EntityIndex::Func(index)).then_some(name.as_str())
        })
    }
}

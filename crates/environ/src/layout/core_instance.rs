//! The variable-size `VMContext` of a core instance.
//!
//! ```text
//!   0  VMHeader
//!  32  defined memories   16 each   (memory 0's base and length: one-byte displacements)
//!      defined globals    16 each
//!      defined tables     16 each
//!      imported functions 16 each
//!      imported memories   8 each
//!      imported tables     8 each
//!      imported globals    8 each
//!      imported tags       8 each
//!      defined tags        8 each
//!      function references 24 each  (functions that can be referred to)
//!      type ids             4 each  (one per type of the module's type index space)
//! ```

use super::{
    VMFuncRef, VMFunctionImport, VMGlobalDefinition, VMGlobalImport, VMHeader, VMMemoryDefinition,
    VMMemoryImport, VMTableDefinition, VMTableImport, VMTagDefinition, VMTagImport,
};
use crate::index::{
    DefinedGlobalIndex, DefinedMemoryIndex, DefinedTableIndex, DefinedTagIndex, FuncIndex,
    FuncRefIndex, GlobalIndex, MemoryIndex, TableIndex, TagIndex, TypeIndex,
};
use crate::module::Module;
use cranelift_entity::EntityRef;

/// Where everything is in the `VMContext` of one module's instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VMContextLayout {
    memories: u32,
    globals: u32,
    tables: u32,
    function_imports: u32,
    memory_imports: u32,
    table_imports: u32,
    global_imports: u32,
    tag_imports: u32,
    tags: u32,
    func_refs: u32,
    type_ids: u32,
    size: u32,
}

const fn size32<T>() -> u32 {
    size_of::<T>() as u32
}

impl VMContextLayout {
    /// The layout for instances of a module.
    ///
    /// The parser's limits on the counts keep every offset below 2³¹.
    pub fn new(module: &Module) -> VMContextLayout {
        let mut next = size32::<VMHeader>();
        let mut region = |count: usize, size: u32| {
            let start = next;
            next += count as u32 * size;
            start
        };
        let memories = region(
            module.num_defined_memories(),
            size32::<VMMemoryDefinition>(),
        );
        let globals = region(module.num_defined_globals(), size32::<VMGlobalDefinition>());
        let tables = region(module.num_defined_tables(), size32::<VMTableDefinition>());
        let function_imports = region(module.num_imported_funcs, size32::<VMFunctionImport>());
        let memory_imports = region(module.num_imported_memories, size32::<VMMemoryImport>());
        let table_imports = region(module.num_imported_tables, size32::<VMTableImport>());
        let global_imports = region(module.num_imported_globals, size32::<VMGlobalImport>());
        let tag_imports = region(module.num_imported_tags, size32::<VMTagImport>());
        let tags = region(module.num_defined_tags(), size32::<VMTagDefinition>());
        let func_refs = region(module.num_func_refs as usize, size32::<VMFuncRef>());
        let type_ids = region(module.types.len(), 4);
        VMContextLayout {
            memories,
            globals,
            tables,
            function_imports,
            memory_imports,
            table_imports,
            global_imports,
            tag_imports,
            tags,
            func_refs,
            type_ids,
            size: next.next_multiple_of(16),
        }
    }

    /// Bytes a `VMContext` takes; its alignment is 16.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Offset of a defined memory's [`VMMemoryDefinition`].
    pub fn memory(&self, index: DefinedMemoryIndex) -> u32 {
        self.memories + index.index() as u32 * size32::<VMMemoryDefinition>()
    }

    /// Offset of the [`VMMemoryImport`] that stands where a defined memory's definition would if
    /// the memory were not shared: the definition of a shared one belongs to no instance.
    pub fn shared_memory(&self, index: DefinedMemoryIndex) -> u32 {
        self.memory(index)
    }

    /// Offset of a defined global's [`VMGlobalDefinition`].
    pub fn global(&self, index: DefinedGlobalIndex) -> u32 {
        self.globals + index.index() as u32 * size32::<VMGlobalDefinition>()
    }

    /// Offset of a defined table's [`VMTableDefinition`].
    pub fn table(&self, index: DefinedTableIndex) -> u32 {
        self.tables + index.index() as u32 * size32::<VMTableDefinition>()
    }

    /// Offset of an imported function's [`VMFunctionImport`].
    pub fn function_import(&self, index: FuncIndex) -> u32 {
        self.function_imports + index.index() as u32 * size32::<VMFunctionImport>()
    }

    /// Offset of an imported memory's [`VMMemoryImport`].
    pub fn memory_import(&self, index: MemoryIndex) -> u32 {
        self.memory_imports + index.index() as u32 * size32::<VMMemoryImport>()
    }

    /// Offset of an imported table's [`VMTableImport`].
    pub fn table_import(&self, index: TableIndex) -> u32 {
        self.table_imports + index.index() as u32 * size32::<VMTableImport>()
    }

    /// Offset of an imported global's [`VMGlobalImport`].
    pub fn global_import(&self, index: GlobalIndex) -> u32 {
        self.global_imports + index.index() as u32 * size32::<VMGlobalImport>()
    }

    /// Offset of an imported tag's [`VMTagImport`].
    pub fn tag_import(&self, index: TagIndex) -> u32 {
        self.tag_imports + index.index() as u32 * size32::<VMTagImport>()
    }

    /// Offset of a defined tag's [`VMTagDefinition`].
    pub fn tag(&self, index: DefinedTagIndex) -> u32 {
        self.tags + index.index() as u32 * size32::<VMTagDefinition>()
    }

    /// Offset of a function reference's [`VMFuncRef`].
    pub fn func_ref(&self, index: FuncRefIndex) -> u32 {
        self.func_refs + index.index() as u32 * size32::<VMFuncRef>()
    }

    /// Offset of the engine-wide id (a `u32`) of a type of the module.
    pub fn type_id(&self, index: TypeIndex) -> u32 {
        self.type_ids + index.index() as u32 * 4
    }
}

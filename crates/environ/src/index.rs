//! Every index newtype, so that one kind of number is never mistaken for another.
//!
//! Indices come in three scopes: those of one core module (`FuncIndex`, …), with a `Defined*`
//! twin that leaves imports out; those of one [`Translation`](crate::Translation)
//! (`SignatureIndex`, `StaticModuleIndex`); and those of one component's instantiation program
//! (`Runtime*`, `TrampolineIndex`, …).

use cranelift_entity::entity_impl;
use serde::{Deserialize, Serialize};

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(u32);
        entity_impl!($name, $prefix);
    )*};
}

indices! {
    /// A type of a core module's type index space.
    TypeIndex "type";
    /// A function of a core module, imported ones first.
    FuncIndex "func";
    /// A function that a core module defines.
    DefinedFuncIndex "dfunc";
    /// A table of a core module, imported ones first.
    TableIndex "table";
    /// A table that a core module defines.
    DefinedTableIndex "dtable";
    /// A memory of a core module, imported ones first.
    MemoryIndex "memory";
    /// A memory that a core module defines.
    DefinedMemoryIndex "dmemory";
    /// A global of a core module, imported ones first.
    GlobalIndex "global";
    /// A global that a core module defines.
    DefinedGlobalIndex "dglobal";
    /// A tag of a core module, imported ones first.
    TagIndex "tag";
    /// A tag that a core module defines.
    DefinedTagIndex "dtag";
    /// An element segment of a core module.
    ElemIndex "elem";
    /// A data segment of a core module.
    DataIndex "data";
    /// A function of a core module that has a `VMFuncRef` in its `VMContext`.
    FuncRefIndex "funcref";

    /// A function type, interned over a whole translation.
    SignatureIndex "sig";
    /// A core module found in (or synthesised for) a translation.
    StaticModuleIndex "module";

    /// A function type of the component model, interned over one component.
    ComponentFuncTypeIndex "cfunctype";
    /// A `list` type, interned over one component.
    ListTypeIndex "listtype";
    /// A `list` type with a length, interned over one component.
    FixedLengthListTypeIndex "fixedlisttype";
    /// A `map` type, interned over one component.
    MapTypeIndex "maptype";
    /// A `record` type, interned over one component.
    RecordTypeIndex "recordtype";
    /// A `tuple` type, interned over one component.
    TupleTypeIndex "tupletype";
    /// A `variant` type, interned over one component.
    VariantTypeIndex "varianttype";
    /// An `option` type, interned over one component.
    OptionTypeIndex "optiontype";
    /// A `result` type, interned over one component.
    ResultTypeIndex "resulttype";
    /// A `future` type, interned over one component.
    FutureTypeIndex "futuretype";
    /// A `stream` type, interned over one component.
    StreamTypeIndex "streamtype";
    /// A resource type, imported or made by an instance of the component or of one nested in it.
    ResourceIndex "resource";
    /// A `flags` type, interned over one component.
    FlagsTypeIndex "flagstype";
    /// An `enum` type, interned over one component.
    EnumTypeIndex "enumtype";

    /// A core instance that instantiation makes, in the order they are made.
    RuntimeInstanceIndex "rinstance";
    /// A component instance after nested ones are flattened; 0 is the root.
    RuntimeComponentInstanceIndex "cinstance";
    /// A memory that canonical options or a trampoline refer to.
    RuntimeMemoryIndex "rmemory";
    /// A `realloc` that canonical options refer to.
    RuntimeReallocIndex "rrealloc";
    /// A table that a trampoline refers to.
    RuntimeTableIndex "rtable";
    /// A `callback` that canonical options refer to.
    RuntimeCallbackIndex "rcallback";
    /// A `post-return` that canonical options refer to.
    RuntimePostReturnIndex "rpostreturn";
    /// An import of the root component, by name.
    ImportIndex "import";
    /// A function the root component imports, after paths into instances are followed.
    RuntimeImportIndex "rimport";
    /// A core module the root component imports, itself or in an instance.
    ModuleImportIndex "modimport";
    /// A component that the root component imports, itself or in an instance.
    ComponentImportIndex "compimport";
    /// An instance of an imported component.
    LinkedInstanceIndex "linked";
    /// A component of the binary that is a value at run time.
    NestedComponentIndex "nested";
    /// A host function that `canon lower` made callable from core wasm.
    LoweredIndex "lowered";
    /// What a call between guests that makes a task needs.
    TaskAdapterIndex "taskadapter";
    /// Code the compiler makes for a component beside its core modules.
    TrampolineIndex "trampoline";
    /// A set of canonical options, interned over one component.
    OptionsIndex "options";
}

/// Anything a core module can import or export.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EntityIndex {
    /// A function.
    Func(FuncIndex),
    /// A table.
    Table(TableIndex),
    /// A memory.
    Memory(MemoryIndex),
    /// A global.
    Global(GlobalIndex),
    /// A tag.
    Tag(TagIndex),
}

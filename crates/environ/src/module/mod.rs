//! One core module, from bytes to plain data.
//!
//! [`Module`] is what the runtime keeps; [`ModuleTranslation`] adds what only the compiler needs.
//! Validation is `wasmparser`'s; function bodies are validated later, by the compiler, in
//! parallel.

mod const_expr;
mod info;
mod rec_group;
mod static_data;
mod translate;

pub use const_expr::{ConstExpr, ConstOp};
pub use info::{
    DataSegment, ElemItems, ElemSegment, Function, FunctionBody, Import, KnownImport, Module,
    ModuleTranslation, SegmentMode, TypeSpace,
};

pub use static_data::{DataSegments, MemoryImage};

pub(crate) use rec_group::sub_type;
pub(crate) use translate::{
    ModuleTranslator, Numbering, global_type, memory_type, table_type, translate, translate_module,
};

//! The adapter module as a binary.

use super::code::Code;
use super::imports::Imports;
use super::outlined::Helper;
use super::{ADAPTER_EXPORT, Adapter};
use crate::canonical_abi::FlatType;
use wasm_encoder::{CodeSection, ExportKind, ExportSection, FunctionSection, NameMap, NameSection};

/// What the module consists of, but for its imports.
pub(super) struct Parts {
    /// What the module and its main function are called.
    pub(super) name: String,
    /// The functions that are exported.
    pub(super) mains: Vec<Main>,
    /// Helpers in order.
    pub(super) helpers: Vec<(Helper, Code)>,
}

/// A function that is exported.
pub(super) struct Main {
    /// By which name.
    pub(super) export: &'static str,
    /// Its type's index.
    pub(super) ty: u32,
    /// Its code.
    pub(super) code: Code,
}

/// Writes the module.
pub(super) fn finish(imports: Imports, parts: Parts) -> Adapter {
    let first_main = imports.num_funcs();
    let first_helper = first_main + parts.mains.len() as u32;
    let (imports, types, import_section) = imports.finish();
    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    let mut func_names = NameMap::new();
    let mut exports = ExportSection::new();
    for (index, main) in (first_main..).zip(parts.mains) {
        functions.function(main.ty);
        code.function(&main.code.finish(first_helper));
        exports.export(main.export, ExportKind::Func, index);
        match main.export {
            ADAPTER_EXPORT => func_names.append(index, &parts.name),
            export => func_names.append(index, &format!("{} ({export})", parts.name)),
        }
    }
    for (index, (helper, body)) in (first_helper..).zip(parts.helpers) {
        functions.function(helper.signature);
        code.function(&body.finish(first_helper));
        func_names.append(index, &format!("{} ({})", parts.name, helper.name()));
    }
    let mut names = NameSection::new();
    names.module(&parts.name);
    names.functions(&func_names);
    let mut module = wasm_encoder::Module::new();
    module
        .section(&types)
        .section(&import_section)
        .section(&functions)
        .section(&exports)
        .section(&code)
        .section(&names);
    Adapter {
        bytes: module.finish(),
        imports,
    }
}

/// A core type as `wasm-encoder` has it.
pub(super) fn val_type(ty: FlatType) -> wasm_encoder::ValType {
    match ty {
        FlatType::I32 => wasm_encoder::ValType::I32,
        FlatType::I64 => wasm_encoder::ValType::I64,
        FlatType::F32 => wasm_encoder::ValType::F32,
        FlatType::F64 => wasm_encoder::ValType::F64,
    }
}

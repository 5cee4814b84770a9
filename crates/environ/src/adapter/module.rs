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
    /// The main function: its type, and its code.
    pub(super) main: (u32, Code),
    /// Helpers in order.
    pub(super) helpers: Vec<(Helper, Code)>,
}

/// Writes the module.
pub(super) fn finish(imports: Imports, parts: Parts) -> Adapter {
    let main = imports.num_funcs();
    let first_helper = main + 1;
    let (imports, types, import_section) = imports.finish();
    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    let mut func_names = NameMap::new();
    functions.function(parts.main.0);
    code.function(&parts.main.1.finish(first_helper));
    func_names.append(main, &parts.name);
    for (index, (helper, body)) in (first_helper..).zip(parts.helpers) {
        functions.function(helper.signature);
        code.function(&body.finish(first_helper));
        func_names.append(index, &format!("{} ({})", parts.name, helper.name()));
    }
    let mut exports = ExportSection::new();
    exports.export(ADAPTER_EXPORT, ExportKind::Func, main);
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

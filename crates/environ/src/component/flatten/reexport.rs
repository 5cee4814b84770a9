//! Functions that the root imports and exports again: lowered and lifted, so that the host can
//! call them as it calls a guest's.
//!
//! The guest that is called is made here: a core module whose memory the values go through, with a
//! `realloc` that takes the next free bytes, and for each function a core module that calls the
//! lowered import. When no call is running any more, all of the memory is free again.

use super::Flattener;
use super::value::{CoreInstance, ImportedFunc, inconsistent};
use crate::Features;
use crate::canonical_abi::{FlatFunc, LiftOrLower, SizeAlign, flatten_func, size_align};
use crate::component::info::{CanonicalOptions, CoreDef, Export, StringEncoding};
use crate::error::Result;
use crate::index::*;
use crate::module;
use crate::types::{AddressType, FuncType, ValType};
use wasm_encoder as we;

/// Where the memory that is given out begins. Address 0 is no one's.
const BOTTOM: i32 = 16;

/// The core module with the memory, once it is instantiated.
#[derive(Clone)]
pub(super) struct Scratch {
    instance: CoreInstance,
    memory: RuntimeMemoryIndex,
    realloc: RuntimeReallocIndex,
}

impl Flattener<'_, '_> {
    /// An imported function as an export.
    pub(super) fn reexport(&mut self, func: &ImportedFunc) -> Result<Export> {
        let import = self.runtime_import(func);
        if let Some(known) = self.interned.reexports.get(&import) {
            return Ok(known.clone());
        }
        let scratch = self.scratch()?;
        let lower = CanonicalOptions {
            instance: RuntimeComponentInstanceIndex::from_u32(0),
            string_encoding: StringEncoding::Utf8,
            memory: Some(scratch.memory),
            address: AddressType::I32,
            realloc: Some(scratch.realloc),
            post_return: None,
            async_: false,
            callback: None,
            passes_on: true,
        };
        let lowered = self.component.options.push(lower.clone());
        let callee = self.lower_import(func, func.ty, lowered);
        let wrapper = self.wrapper(func.ty);
        let mut args = vec![callee];
        for name in ["realloc", "enter", "leave"] {
            args.push(self.core_export(&scratch.instance, name)?);
        }
        let wrapper = self.instantiate_synthetic(wrapper, args)?;
        let call = self.core_export(&wrapper, "call")?;
        let post_return = self.core_export(&wrapper, "post-return")?;
        let lift = CanonicalOptions {
            post_return: Some(self.extract_post_return(post_return)),
            ..lower
        };
        let export = Export::LiftedFunction {
            ty: func.ty,
            func: call,
            options: self.component.options.push(lift),
        };
        self.interned.reexports.insert(import, export.clone());
        Ok(export)
    }

    /// The core module with the memory; all functions share it.
    fn scratch(&mut self) -> Result<Scratch> {
        if let Some(scratch) = &self.scratch {
            return Ok(scratch.clone());
        }
        let instance = self.instantiate_synthetic(scratch_module(), Vec::new())?;
        let memory = self.core_export(&instance, "memory")?;
        let realloc = self.core_export(&instance, "realloc")?;
        let scratch = Scratch {
            memory: self.extract_memory(memory)?,
            realloc: self.extract_realloc(realloc),
            instance,
        };
        Ok(self.scratch.insert(scratch).clone())
    }

    fn instantiate_synthetic(
        &mut self,
        bytes: Vec<u8>,
        args: Vec<CoreDef>,
    ) -> Result<CoreInstance> {
        let mut module =
            module::translate_module(bytes, Features::default(), &mut self.signatures)?;
        module.is_exception_barrier = self.may_throw;
        if module.module.imports.len() != args.len() {
            return Err(inconsistent());
        }
        let module = self.modules.push(module);
        let root = RuntimeComponentInstanceIndex::from_u32(0);
        self.instantiate_module(root, module, args.into())
    }

    /// The core module of a function: `call`, which is what is lifted, and its `post-return`.
    fn wrapper(&self, ty: ComponentFuncTypeIndex) -> Vec<u8> {
        let types = self.types.types();
        let func = &types.funcs[ty];
        let flat = |side| flatten_func(types, func, side, AddressType::I32);
        let (lifted, lowered) = (flat(LiftOrLower::Lift), flat(LiftOrLower::Lower));
        let area = func.result.filter(|_| lowered.result_in_memory);
        let area = area.map(|ty| size_align(types, ty, AddressType::I32));
        wrapper_module(&lifted, &lowered.signature, area)
    }
}

const I32: ValType = ValType::I32;

fn scratch_module() -> Vec<u8> {
    let mut parts = Parts::default();
    let memory = we::MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    let mut memories = we::MemorySection::new();
    memories.memory(memory);
    parts.exports.export("memory", we::ExportKind::Memory, 0);
    let mut globals = we::GlobalSection::new();
    let global = we::GlobalType {
        val_type: we::ValType::I32,
        mutable: true,
        shared: false,
    };
    // How much is in use, and how many calls are running.
    globals.global(global, &we::ConstExpr::i32_const(BOTTOM));
    globals.global(global, &we::ConstExpr::i32_const(0));
    let (top, calls) = (0, 1);

    let [old, old_size, align, size, at, end] = [0, 1, 2, 3, 4, 5];
    let locals = [we::ValType::I32, we::ValType::I64];
    parts.func("realloc", &FuncType::new([I32; 4], [I32]), locals, |code| {
        code.global_get(top).local_get(align).i32_add();
        code.i32_const(1).i32_sub();
        code.i32_const(0).local_get(align).i32_sub();
        code.i32_and().local_tee(at).global_get(top).i32_lt_u();
        code.if_(we::BlockType::Empty).unreachable().end();
        code.local_get(at).i64_extend_i32_u();
        code.local_get(size)
            .i64_extend_i32_u()
            .i64_add()
            .local_tee(end);
        code.memory_size(0)
            .i64_extend_i32_u()
            .i64_const(16)
            .i64_shl();
        code.i64_gt_u().if_(we::BlockType::Empty);
        // Growing fails where the end is not an address.
        code.local_get(end).i64_const(0xFFFF).i64_add();
        code.i64_const(16).i64_shr_u().i32_wrap_i64();
        code.memory_size(0).i32_sub().memory_grow(0);
        code.i32_const(-1).i32_eq().if_(we::BlockType::Empty);
        code.unreachable().end().end();
        code.local_get(end).i32_wrap_i64().global_set(top);
        code.local_get(at).local_get(old);
        code.local_get(size).local_get(old_size);
        code.local_get(size).local_get(old_size).i32_lt_u().select();
        code.memory_copy(0, 0);
        code.local_get(at).end();
    });
    let nothing = FuncType::new([], []);
    parts.func("enter", &nothing, [], |code| {
        code.global_get(calls).i32_const(1).i32_add();
        code.global_set(calls).end();
    });
    parts.func("leave", &nothing, [], |code| {
        code.global_get(calls).i32_const(1).i32_sub();
        code.global_set(calls).global_get(calls).i32_eqz();
        code.if_(we::BlockType::Empty);
        code.i32_const(BOTTOM).global_set(top).end().end();
    });
    parts.finish(Some((&memories, &globals)))
}

fn wrapper_module(lifted: &FlatFunc, lowered: &FuncType, area: Option<SizeAlign>) -> Vec<u8> {
    let mut parts = Parts::default();
    let callee = parts.import("lowered", lowered);
    let realloc = parts.import("realloc", &FuncType::new([I32; 4], [I32]));
    let enter = parts.import("enter", &FuncType::new([], []));
    let leave = parts.import("leave", &FuncType::new([], []));
    let params = lifted.signature.params().len() as u32;
    let locals = [we::ValType::I32; 1];
    parts.func("call", &lifted.signature, locals, |code| {
        code.call(enter);
        for param in 0..params {
            code.local_get(param);
        }
        match area {
            Some(SizeAlign { size, align }) => {
                code.i32_const(0).i32_const(0);
                code.i32_const(align as i32).i32_const(size as i32);
                code.call(realloc).local_tee(params).call(callee);
                code.local_get(params);
            }
            None => {
                code.call(callee);
            }
        }
        code.end();
    });
    let results = lifted.signature.results().to_vec();
    parts.func("post-return", &FuncType::new(results, []), [], |code| {
        code.call(leave).end();
    });
    parts.finish(None)
}

/// The sections of a module of functions.
#[derive(Default)]
struct Parts {
    types: we::TypeSection,
    imports: we::ImportSection,
    functions: we::FunctionSection,
    exports: we::ExportSection,
    code: we::CodeSection,
    count: u32,
}

impl Parts {
    fn ty(&mut self, ty: &FuncType) -> u32 {
        let index = self.types.len();
        let types = |list: &[ValType]| list.iter().map(|&ty| val_type(ty)).collect::<Vec<_>>();
        self.types
            .ty()
            .function(types(ty.params()), types(ty.results()));
        index
    }

    /// Imports a function; its index.
    fn import(&mut self, name: &str, ty: &FuncType) -> u32 {
        let ty = self.ty(ty);
        self.imports.import("", name, we::EntityType::Function(ty));
        self.count += 1;
        self.count - 1
    }

    /// Exports a function, with these locals beside its parameters.
    fn func<const N: usize>(
        &mut self,
        name: &str,
        ty: &FuncType,
        locals: [we::ValType; N],
        write: impl FnOnce(&mut we::InstructionSink<'_>),
    ) {
        let ty = self.ty(ty);
        self.functions.function(ty);
        let mut function = we::Function::new_with_locals_types(locals);
        write(&mut function.instructions());
        self.code.function(&function);
        self.exports.export(name, we::ExportKind::Func, self.count);
        self.count += 1;
    }

    fn finish(self, memory: Option<(&we::MemorySection, &we::GlobalSection)>) -> Vec<u8> {
        let mut module = we::Module::new();
        module.section(&self.types);
        module.section(&self.imports).section(&self.functions);
        if let Some((memories, globals)) = memory {
            module.section(memories).section(globals);
        }
        module.section(&self.exports).section(&self.code);
        module.finish()
    }
}

/// A core type of a flat value.
fn val_type(ty: ValType) -> we::ValType {
    match ty {
        ValType::I64 => we::ValType::I64,
        ValType::F32 => we::ValType::F32,
        ValType::F64 => we::ValType::F64,
        // Flat values have no other types.
        ValType::I32 | ValType::V128 | ValType::Ref(_) => we::ValType::I32,
    }
}

//! One pass over the module that gathers what the rewrite must know before it
//! begins: index spaces, exports, the names of globals.
//!
//! Decides nothing about which global is the stack pointer; that is
//! `stack_global.rs`. Imports and exports that rule a module out are found
//! here, since they are met here.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use wasmparser::{
    CompositeInnerType, Encoding, ExternalKind, KnownCustom, Name, Operator, Parser, Payload,
    TypeRef, ValType, Validator, WasmFeatures, types::Types,
};

/// The export `wit-component` looks for.
pub(crate) const TASK_HOOK: &str = "__wasm_task_hook";

/// What one pass over a module found.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Size of the type index space.
    pub types: u32,
    /// How many functions are imported.
    pub imported_funcs: u32,
    /// How many functions the module defines.
    pub defined_funcs: u32,
    /// Every global, imported ones first.
    pub globals: Vec<Global>,
    /// How many of them are imported.
    pub imported_globals: u32,
    /// How many memories there are.
    pub memories: u32,
    /// The initial size of memory 0 in bytes, if it has 32-bit addresses.
    pub memory_bytes: Option<u64>,
    /// The `start` function.
    pub start: Option<u32>,
    /// Exported functions by name.
    pub exported_funcs: BTreeMap<String, u32>,
    /// Exported `malloc` and `free`.
    pub allocator: Allocator,
    /// Custom sections in order of appearance.
    pub custom_sections: Vec<String>,
    /// The global that the name section calls `__stack_pointer`.
    pub named_stack_pointer: Option<u32>,
}

/// A global, as far as it matters to who looks for the stack pointer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Global {
    pub imported: bool,
    pub exported: bool,
    /// A mutable, unshared `i32`.
    pub fits: bool,
    /// Its initial value, if that is one `i32.const`.
    pub initial: Option<u32>,
}

/// The module's own allocator, where exported with the signature of C's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allocator {
    pub malloc: Option<u32>,
    pub free: Option<u32>,
}

impl Survey {
    /// Validates and surveys a module.
    pub(crate) fn of(wasm: &[u8]) -> Result<Self> {
        let types = validate(wasm)?;
        let mut survey = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            survey.payload(payload.map_err(Error::Malformed)?)?;
        }
        survey.types = types.as_ref().core_type_count_in_module();
        survey.find_allocator(&types);
        survey.refuse_exports()?;
        Ok(survey)
    }

    fn payload(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::Version {
                encoding: Encoding::Component,
                ..
            } => return Err(Error::NotCoreModule),
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.import(import.map_err(Error::Malformed)?)?;
                }
            }
            Payload::FunctionSection(section) => self.defined_funcs = section.count(),
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memory(memory.map_err(Error::Malformed)?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    self.global(global.map_err(Error::Malformed)?)?;
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    self.export(export.map_err(Error::Malformed)?);
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::CustomSection(section) => {
                self.custom_sections.push(section.name().to_owned());
                self.custom_section(&section)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, import: wasmparser::Import<'_>) -> Result<()> {
        match import.ty {
            TypeRef::Func(_) | TypeRef::FuncExact(_) => {
                self.imported_funcs += 1;
                refuse_import(&import)?;
            }
            TypeRef::Global(_) => {
                self.imported_globals += 1;
                self.globals.push(Global {
                    imported: true,
                    exported: false,
                    fits: false,
                    initial: None,
                });
            }
            TypeRef::Memory(memory) => self.memory(memory),
            TypeRef::Table(_) | TypeRef::Tag(_) => {}
        }
        Ok(())
    }

    /// Looks at memory 0 and counts the others.
    fn memory(&mut self, memory: wasmparser::MemoryType) {
        if self.memories == 0 && !memory.memory64 {
            let page = 1u64 << memory.page_size_log2.unwrap_or(16).min(16);
            self.memory_bytes = Some(memory.initial.saturating_mul(page));
        }
        self.memories += 1;
    }

    fn global(&mut self, global: wasmparser::Global<'_>) -> Result<()> {
        let mut ops = global.init_expr.get_operators_reader();
        let first = ops.read().map_err(Error::Malformed)?;
        let initial = match first {
            Operator::I32Const { value } if ops.is_end_then_eof() => Some(value.cast_unsigned()),
            _ => None,
        };
        let ty = global.ty;
        self.globals.push(Global {
            imported: false,
            exported: false,
            fits: ty.mutable && !ty.shared && ty.content_type == ValType::I32,
            initial,
        });
        Ok(())
    }

    fn export(&mut self, export: wasmparser::Export<'_>) {
        match export.kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                self.exported_funcs
                    .insert(export.name.to_owned(), export.index);
            }
            ExternalKind::Global => {
                if let Some(global) = self.globals.get_mut(export.index as usize) {
                    global.exported = true;
                }
            }
            _ => {}
        }
    }

    fn custom_section(&mut self, section: &wasmparser::CustomSectionReader<'_>) -> Result<()> {
        let name = section.name();
        if name == "linking" || name == "dylink.0" || name.starts_with("reloc.") {
            return Err(Error::NotLinked {
                section: name.to_owned(),
            });
        }
        let KnownCustom::Name(names) = section.as_known() else {
            return Ok(());
        };
        for subsection in names {
            if let Name::Global(map) = subsection.map_err(Error::Malformed)? {
                for naming in map {
                    let naming = naming.map_err(Error::Malformed)?;
                    if naming.name == "__stack_pointer" && self.named_stack_pointer.is_none() {
                        self.named_stack_pointer = Some(naming.index);
                    }
                }
            }
        }
        Ok(())
    }

    fn find_allocator(&mut self, types: &Types) {
        let find = |name: &str, results: &[ValType]| {
            let index = *self.exported_funcs.get(name)?;
            let ty = types.as_ref().get(types.as_ref().core_function_at(index))?;
            let CompositeInnerType::Func(ty) = &ty.composite_type.inner else {
                return None;
            };
            (ty.params() == [ValType::I32] && ty.results() == results).then_some(index)
        };
        self.allocator = Allocator {
            malloc: find("malloc", &[ValType::I32]),
            free: find("free", &[]),
        };
    }

    /// Refuses what the hook's protocol has no answer for.
    fn refuse_exports(&self) -> Result<()> {
        for export in self.exported_funcs.keys() {
            if export == TASK_HOOK {
                return Err(Error::HookTaken);
            }
            if let Some(of) = export.strip_prefix("cabi_post_") {
                // `wit-component` 0.263 asserts that there is none.
                let lifted_async = ["[async-lift]", "[async-lift-stackful]"]
                    .iter()
                    .any(|prefix| self.exported_funcs.contains_key(&format!("{prefix}{of}")));
                if lifted_async {
                    return Err(Error::AsyncPostReturn {
                        export: export.clone(),
                    });
                }
            }
            if export.starts_with("[async-lift-stackful]") {
                let missing = match self.allocator {
                    Allocator { malloc: None, .. } => "malloc",
                    Allocator { free: None, .. } => "free",
                    _ => continue,
                };
                return Err(Error::StackfulWithoutMalloc {
                    export: export.clone(),
                    missing,
                });
            }
        }
        Ok(())
    }
}

/// Validates a core module.
pub(crate) fn validate(wasm: &[u8]) -> Result<Types> {
    if Parser::is_component(wasm) {
        return Err(Error::NotCoreModule);
    }
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(wasm)
        .map_err(Error::Malformed)
}

/// Refuses imports that show that the module has stacks of its own making.
fn refuse_import(import: &wasmparser::Import<'_>) -> Result<()> {
    let name = import.name;
    let slot = ["[context-get-", "[context-set-"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .map(|rest| rest.trim_end_matches(']'))
        .map(|rest| rest.rsplit('-').next().unwrap_or(rest));
    let by_linker = import.module == "env"
        && matches!(
            name,
            "__wasm_get_stack_pointer" | "__wasm_set_stack_pointer"
        );
    if by_linker || slot.is_some_and(|slot| slot.parse() == Ok(0u32)) {
        return Err(Error::SlotTaken {
            import: name.to_owned(),
        });
    }
    if name.starts_with("[thread-new") || name.starts_with("[thread-spawn") {
        return Err(Error::StartsThreads {
            import: name.to_owned(),
        });
    }
    Ok(())
}

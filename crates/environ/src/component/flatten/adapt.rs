//! Calls from guest to guest: which adapter each needs, and what the adapter's imports are.
//!
//! An adapter is instantiated where its function is lowered, before anything can import it. All
//! it depends on is there by then: the callee has been lifted, and options been resolved. What
//! it needs to know about a component instance as a whole (whether it can see its threads'
//! context slots, whether `may_leave` is ever clear) follows from the component's definition
//! alone, so that what is instantiated later in it changes nothing.

use super::Flattener;
use super::value::{CoreInstance, LiftedFunc, inconsistent};
use crate::adapter::{
    ADAPTER_EXPORT, Adapter, AdapterImport, AdapterSpec, Peer, PeerOptions, RETURN_EXPORT,
    SCRATCH_MEMORY, START_EXPORT,
};
use crate::component::info::{CanonicalOptions, CoreDef, Step, StringEncoding, TaskAdapter};
use crate::component::module_type::CoreExternType;
use crate::component::trampoline::Trampoline;
use crate::component::types::{ComponentFuncType, InterfaceType};
use crate::error::{Error, Result};
use crate::index::*;
use crate::types::{AddressType, EntityType, FuncType, MemoryType, ValType};
use crate::{Features, Proposal, module};
use cranelift_entity::EntityRef;

/// Bytes of an adapter, or names looked at, for one unit of work.
const BYTES_PER_UNIT: usize = 16;

/// Bytes of an adapter from which on it is shared. Its work is then far more than its calls'.
const MIN_SHARED_BYTES: usize = 4 << 10;

/// Characters of a name that are kept.
const MAX_NAME: usize = 100;

/// What an adapter is made for.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AdapterKey {
    callee: CoreDef,
    lift: OptionsIndex,
    lower: OptionsIndex,
    ty: ComponentFuncTypeIndex,
}

/// Both sides of an adapter, and what may be between them.
#[derive(Copy, Clone)]
struct Peers<'a> {
    lift: &'a CanonicalOptions,
    lower: &'a CanonicalOptions,
    scratch: Option<RuntimeMemoryIndex>,
}

impl Peers<'_> {
    /// What a side gave. The scratch memory lies in the caller's instance, which is the callee's.
    fn options(&self, peer: Peer) -> &CanonicalOptions {
        match peer {
            Peer::Callee => self.lift,
            Peer::Caller | Peer::Scratch => self.lower,
        }
    }

    fn memory(&self, peer: Peer) -> Result<RuntimeMemoryIndex> {
        let memory = match peer {
            Peer::Scratch => self.scratch,
            peer => self.options(peer).memory,
        };
        memory.ok_or_else(inconsistent)
    }
}

impl Flattener<'_, '_> {
    /// The core function that calls a lifted function from where it is lowered.
    ///
    /// # Errors
    /// If the function is lowered with a type unlike that it was lifted with, or there are too
    /// many instances.
    pub(super) fn adapt(
        &mut self,
        callee: LiftedFunc,
        ty: ComponentFuncTypeIndex,
        lower: OptionsIndex,
        offset: u64,
    ) -> Result<CoreDef> {
        if !self.same_but_for_names(callee.ty, ty) {
            let feature = "a call between components whose types for it differ";
            return Err(Error::unsupported(feature, offset));
        }
        let key = AdapterKey {
            callee: callee.core,
            lift: callee.options,
            lower,
            ty,
        };
        if let Some(&adapter) = self.interned.adapters.get(&key) {
            return Ok(adapter);
        }
        let adapter = self.make_adapter(&key)?;
        self.interned.adapters.insert(key, adapter);
        Ok(adapter)
    }

    fn make_adapter(&mut self, key: &AdapterKey) -> Result<CoreDef> {
        let lift = self.component.options[key.lift].clone();
        let lower = self.component.options[key.lower].clone();
        let caller = self.component_instances[lower.instance];
        let name = self.core_func_name(key.callee)?;
        let makes_task = self.makes_tasks(lift.instance);
        let spec = AdapterSpec {
            types: self.types.types(),
            resources: &self.component.resources,
            func: &self.types.types().funcs[key.ty],
            name: &name,
            caller: self.peer(&lower)?,
            callee: self.peer(&lift)?,
            post_return: lift.post_return.is_some(),
            check_may_leave: self.definitions.components[caller].may_be_unleavable,
            may_throw: self.may_throw,
        };
        if makes_task {
            let signature = spec.lowered().signature;
            let adapter = spec.synthesize_task(&mut self.shapes)?;
            let signature = self.signatures.intern(signature);
            return self.task_call(adapter, key, signature);
        }
        if spec.is_nothing_but_the_call() {
            return Ok(key.callee);
        }
        let adapter = spec.synthesize(&mut self.shapes)?;
        let instance = self.instantiate_adapter(adapter, key.callee, &lift, &lower)?;
        self.core_export(&instance, ADAPTER_EXPORT)
    }

    /// A call that makes a task, whose functions are in this adapter.
    fn task_call(
        &mut self,
        adapter: Adapter,
        key: &AdapterKey,
        signature: SignatureIndex,
    ) -> Result<CoreDef> {
        let lift = self.component.options[key.lift].clone();
        let lower = self.component.options[key.lower].clone();
        let instance = self.instantiate_adapter(adapter, key.callee, &lift, &lower)?;
        let index = self.component.task_adapters.next_key();
        let adapter = TaskAdapter {
            start: self.core_export(&instance, START_EXPORT)?,
            return_: self.core_export(&instance, RETURN_EXPORT)?,
            lift: key.lift,
            lower: key.lower,
            ty: key.ty,
        };
        self.component.task_adapters.push(adapter);
        let step = Step::ExtractTaskAdapter { index };
        self.component.steps.push(step);
        Ok(self.trampoline(Trampoline::TaskCall {
            adapter: index,
            signature,
        }))
    }

    /// The core function that calls a destructor of an instance from `resource.drop`, whoever
    /// drops: as that of a lifted function `(rep: u32)`, lowered by somebody.
    pub(super) fn adapt_dtor(
        &mut self,
        instance: RuntimeComponentInstanceIndex,
        dtor: CoreDef,
    ) -> Result<CoreDef> {
        let options = CanonicalOptions {
            instance,
            string_encoding: StringEncoding::default(),
            memory: None,
            address: AddressType::I32,
            realloc: None,
            post_return: None,
            async_: false,
            callback: None,
            passes_on: false,
        };
        if self.makes_tasks(instance) {
            let ty = self.types.dtor()?;
            let options = self.intern_options(options);
            let key = AdapterKey {
                callee: dtor,
                lift: options,
                lower: options,
                ty,
            };
            return self.make_adapter(&key);
        }
        let name = self.core_func_name(dtor)?;
        let spec = AdapterSpec {
            types: self.types.types(),
            resources: &self.component.resources,
            func: &ComponentFuncType {
                params: vec![("rep".to_owned(), InterfaceType::U32)],
                result: None,
                async_: false,
            },
            name: &name,
            caller: self.peer(&options)?,
            callee: self.peer(&options)?,
            post_return: false,
            // The trampoline of the drop does.
            check_may_leave: false,
            may_throw: self.may_throw,
        };
        if spec.is_nothing_but_the_call() {
            return Ok(dtor);
        }
        let adapter = spec.synthesize(&mut self.shapes)?;
        let instance = self.instantiate_adapter(adapter, dtor, &options, &options)?;
        self.core_export(&instance, ADAPTER_EXPORT)
    }

    fn instantiate_adapter(
        &mut self,
        adapter: Adapter,
        callee: CoreDef,
        lift: &CanonicalOptions,
        lower: &CanonicalOptions,
    ) -> Result<CoreInstance> {
        self.budget.spend(adapter.bytes.len() / BYTES_PER_UNIT)?;
        let mut args = Vec::with_capacity(adapter.imports.len());
        let is_staged = adapter
            .imports
            .contains(&AdapterImport::Memory(Peer::Scratch));
        let peers = Peers {
            lift,
            lower,
            scratch: match is_staged {
                true => Some(self.scratch_memory(lower.instance)?),
                false => None,
            },
        };
        for import in adapter.imports {
            args.push(self.adapter_import(import, callee, peers)?);
        }
        self.budget.spend(args.len())?;
        let module = self.adapter_module(adapter.bytes)?;
        self.instantiate_module(lower.instance, module, args.into())
    }

    /// The module of an adapter. Large ones are made once for all adapters that are the same but for
    /// what they import: many instances may be given one function. Small ones aren't, because the
    /// compiler knows what a module imports if it is instantiated once.
    fn adapter_module(&mut self, bytes: Vec<u8>) -> Result<StaticModuleIndex> {
        let is_shared = bytes.len() >= MIN_SHARED_BYTES;
        if is_shared && let Some(&module) = self.interned.adapter_modules.get(&bytes) {
            return Ok(module);
        }
        let key = is_shared.then(|| bytes.clone());
        let mut module = module::translate_module(bytes, features(), &mut self.signatures)?;
        module.is_exception_barrier = self.may_throw;
        let module = self.modules.push(module);
        if let Some(bytes) = key {
            self.interned.adapter_modules.insert(bytes, module);
        }
        Ok(module)
    }

    fn peer(&self, options: &CanonicalOptions) -> Result<PeerOptions> {
        let definition = self.component_instances[options.instance];
        let memory = options.memory.map(|index| self.memory_type(index));
        Ok(PeerOptions {
            instance: options.instance,
            memory: memory.transpose()?,
            string_encoding: options.string_encoding,
            realloc: options.realloc.is_some(),
            lift: options.lift(),
            lower: options.lower(),
            uses_context: self.definitions.components[definition].uses_context,
        })
    }

    pub(super) fn memory_type(&self, index: RuntimeMemoryIndex) -> Result<MemoryType> {
        let CoreDef::Export(export) = self.extracted.memories[index] else {
            return Err(inconsistent());
        };
        if let Some(ty) = self.imported_module_type(export.instance) {
            return match ty.exported(export.entity) {
                Some((_, CoreExternType::Memory(ty))) => Ok(*ty),
                _ => Err(inconsistent()),
            };
        }
        let (module, _) = self.made_from(export.instance)?;
        match self.modules[module].module.entity_type(export.entity) {
            EntityType::Memory(ty) => Ok(ty),
            _ => Err(inconsistent()),
        }
    }

    /// Makes the memory between two sides that are the same instance.
    fn scratch_memory(
        &mut self,
        instance: RuntimeComponentInstanceIndex,
    ) -> Result<RuntimeMemoryIndex> {
        let bytes = scratch_module();
        let module = module::translate_module(bytes, features(), &mut self.signatures)?;
        let module = self.modules.push(module);
        let made = self.instantiate_module(instance, module, Box::default())?;
        let memory = self.core_export(&made, ADAPTER_EXPORT)?;
        self.extract_memory(memory)
    }

    /// What an import of an adapter is at run time.
    fn adapter_import(
        &mut self,
        import: AdapterImport,
        callee: CoreDef,
        peers: Peers<'_>,
    ) -> Result<CoreDef> {
        Ok(match import {
            AdapterImport::Callee => callee,
            AdapterImport::PostReturn => {
                let index = peers.lift.post_return.ok_or_else(inconsistent)?;
                self.extracted.post_returns[index]
            }
            AdapterImport::Realloc(peer) => {
                let index = peers.options(peer).realloc.ok_or_else(inconsistent)?;
                self.extracted.reallocs[index]
            }
            AdapterImport::Memory(peer) => self.extracted.memories[peers.memory(peer)?],
            AdapterImport::Flags(peer) => CoreDef::Flags(peers.options(peer).instance),
            AdapterImport::Intrinsic(intrinsic) => self.intrinsic(intrinsic),
            AdapterImport::Transcode {
                transcode,
                from,
                to,
            } => {
                let (from, to) = (peers.memory(from)?, peers.memory(to)?);
                let ty = FuncType::new([ValType::I64; 3], [ValType::I64]);
                let signature = self.signatures.intern(ty);
                self.trampoline(Trampoline::Transcode {
                    transcode,
                    from,
                    to,
                    signature,
                })
            }
            AdapterImport::Resource { op, peer, resource } => {
                self.resource_trampoline(op, peers.options(peer).instance, resource)
            }
            AdapterImport::Transfer { op, peer } => {
                self.transfer_trampoline(op, peers.options(peer).instance)
            }
            AdapterImport::BorrowScope(op) => self.scope_trampoline(op, peers.lower.instance),
            AdapterImport::Trap(code) => {
                let signature = self.signatures.intern(FuncType::new([], []));
                self.trampoline(Trampoline::Trap { code, signature })
            }
        })
    }

    /// What a core function is called, for people.
    fn core_func_name(&mut self, def: CoreDef) -> Result<String> {
        let CoreDef::Export(export) = def else {
            return Ok("trampoline".to_owned());
        };
        let EntityIndex::Func(func) = export.entity else {
            return Err(inconsistent());
        };
        if let Some(ty) = self.imported_module_type(export.instance) {
            let (name, _) = ty.exported(export.entity).ok_or_else(inconsistent)?;
            return Ok(name.chars().take(MAX_NAME).collect());
        }
        let (module, _) = self.made_from(export.instance)?;
        let module = &self.modules[module].module;
        // Names are searched for among the exports, and may be long.
        self.budget.spend(module.exports.len() / BYTES_PER_UNIT)?;
        Ok(match module.func_name(func) {
            // An adapter of an adapter is named after what both are for.
            Some(name) => {
                let name = name.trim_start_matches("adapter ");
                name.chars().take(MAX_NAME).collect()
            }
            None => format!("func {}", func.index()),
        })
    }

    /// Whether two function types are the same but for the names of parameters.
    fn same_but_for_names(&self, a: ComponentFuncTypeIndex, b: ComponentFuncTypeIndex) -> bool {
        let types = |index| {
            let func = &self.types.types().funcs[index];
            let params = func.params.iter().map(|&(_, ty)| ty);
            (params.collect::<Vec<_>>(), func.result)
        };
        a == b || types(a) == types(b)
    }
}

/// What adapters may use: all they need, as what the embedder turned off is turned off for guests.
fn features() -> Features {
    let mut features = Features::default();
    for proposal in [
        Proposal::MultiMemory,
        Proposal::Memory64,
        Proposal::CustomPageSizes,
    ] {
        features.set(proposal, true);
    }
    features
}

/// A module that exports a scratch memory.
fn scratch_module() -> Vec<u8> {
    let mut memories = wasm_encoder::MemorySection::new();
    memories.memory(wasm_encoder::MemoryType {
        minimum: SCRATCH_MEMORY.minimum,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = wasm_encoder::ExportSection::new();
    exports.export(ADAPTER_EXPORT, wasm_encoder::ExportKind::Memory, 0);
    let mut module = wasm_encoder::Module::new();
    module.section(&memories).section(&exports);
    module.finish()
}

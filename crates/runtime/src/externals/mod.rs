//! What core modules import and export, as handles: [`Func`], [`Memory`], [`Table`], [`Global`],
//! [`Tag`].
//!
//! A handle is a store's id and an address in that store. Nothing in a store is freed before the
//! store, so a handle that has been matched with its store is good.

mod caller;
mod func;
mod global;
mod memory;
mod shared_memory;
mod table;
mod tag;
mod typed_func;

pub use caller::Caller;
pub use func::Func;
pub use global::Global;
pub use memory::{Memory, MemoryAccessError};
pub use shared_memory::SharedMemory;
pub use table::Table;
pub use tag::Tag;
pub use typed_func::{TypedFunc, WasmParams, WasmResults, WasmTy, WasmTyList};

use crate::Engine;
use crate::error::LinkError;
use crate::store::{AsContext, StoreOpaque};
use crate::type_registry::LiveTypes;
use crate::types::ExternType;
use crate::vm::{ContextPlace, DefinedMemory, Imports, InstancePtr};
use std::sync::Arc;
use threadline_environ::EntityIndex;
use threadline_environ::module::Module as ModuleInfo;

/// Anything a core module can import or export.
#[derive(Clone, Debug)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A table.
    Table(Table),
    /// A memory of one store.
    Memory(Memory),
    /// A memory that threads share.
    SharedMemory(SharedMemory),
    /// A global.
    Global(Global),
    /// A tag.
    Tag(Tag),
}

impl Extern {
    /// The function, if it is one.
    pub fn into_func(self) -> Option<Func> {
        match self {
            Extern::Func(func) => Some(func),
            _ => None,
        }
    }

    /// The table, if it is one.
    pub fn into_table(self) -> Option<Table> {
        match self {
            Extern::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The shared memory, if it is one.
    pub fn into_shared_memory(self) -> Option<SharedMemory> {
        match self {
            Extern::SharedMemory(memory) => Some(memory),
            _ => None,
        }
    }

    /// The memory, if it is one that is not shared.
    pub fn into_memory(self) -> Option<Memory> {
        match self {
            Extern::Memory(memory) => Some(memory),
            _ => None,
        }
    }

    /// The global, if it is one.
    pub fn into_global(self) -> Option<Global> {
        match self {
            Extern::Global(global) => Some(global),
            _ => None,
        }
    }

    /// The tag, if it is one.
    pub fn into_tag(self) -> Option<Tag> {
        match self {
            Extern::Tag(tag) => Some(tag),
            _ => None,
        }
    }

    /// Its type, with the limits it was declared with.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> ExternType {
        let store = store.as_context().opaque();
        if let Err(error) = self.check_store(store) {
            panic!("{error}");
        }
        self.ty_in(store)
    }

    /// Its type, if it belongs to `store`.
    pub(crate) fn ty_in(&self, store: &StoreOpaque) -> ExternType {
        match self {
            Extern::Func(func) => {
                let ty = store.engine().func_type(func.raw().type_id());
                ExternType::Func((*ty).clone())
            }
            Extern::Table(table) => ExternType::Table(table.raw().ty()),
            Extern::Memory(memory) => ExternType::Memory(memory.raw().ty()),
            Extern::SharedMemory(memory) => ExternType::Memory(memory.ty()),
            Extern::Global(global) => ExternType::Global(global.ty_raw()),
            Extern::Tag(tag) => ExternType::Tag((*tag.ty_in(store)).clone()),
        }
    }

    pub(crate) fn check_store(&self, store: &StoreOpaque) -> Result<(), LinkError> {
        match self {
            Extern::Func(func) => store.check(func.store_id(), "function"),
            Extern::Table(table) => store.check(table.store_id(), "table"),
            Extern::Memory(memory) => store.check(memory.store_id(), "memory"),
            Extern::SharedMemory(memory) if Engine::same(memory.engine(), store.engine()) => Ok(()),
            Extern::SharedMemory(_) => Err(LinkError::WrongEngine {
                what: "shared memory",
            }),
            Extern::Global(global) => store.check(global.store_id(), "global"),
            Extern::Tag(tag) => store.check(tag.store_id(), "tag"),
        }
    }

    /// An import or export of an instance; `None` for a function that can't be referred to,
    /// which no export is.
    pub(crate) fn of(
        store: &StoreOpaque,
        instance: InstancePtr,
        index: EntityIndex,
    ) -> Option<Extern> {
        Some(match index {
            EntityIndex::Func(index) => {
                Extern::Func(Func::from_raw(store, instance.func_ref(index)?))
            }
            EntityIndex::Table(index) => {
                Extern::Table(Table::from_raw(store, instance.table(index)))
            }
            EntityIndex::Memory(index) => {
                let memory = instance.memory(index);
                match memory.shared() {
                    Some(raw) => Extern::SharedMemory(SharedMemory::from_raw(store.engine(), raw)),
                    None => Extern::Memory(Memory::from_raw(store, memory)),
                }
            }
            EntityIndex::Global(index) => {
                let ty = instance.module().module.globals[index];
                Extern::Global(Global::from_raw(store, instance.global(index), ty))
            }
            EntityIndex::Tag(index) => Extern::Tag(Tag::from_raw(store, instance.tag(index))),
        })
    }
}

macro_rules! from_handles {
    ($($variant:ident)*) => {$(
        impl From<$variant> for Extern {
            fn from(handle: $variant) -> Extern {
                Extern::$variant(handle)
            }
        }
    )*};
}

from_handles!(Func Table Memory SharedMemory Global Tag);

/// Makes an instance of a module that the host makes up, to own a memory, table or global. `types` are
/// those that it names.
fn host_instance(
    store: &mut StoreOpaque,
    module: ModuleInfo,
    types: LiveTypes,
) -> anyhow::Result<InstancePtr> {
    host_instance_with(store, module, Imports::default(), Arc::new(types))
}

/// Makes an instance of a module that the host makes up, around a shared memory.
pub(crate) fn attach(
    store: &mut StoreOpaque,
    memory: &SharedMemory,
) -> anyhow::Result<DefinedMemory> {
    let mut module = ModuleInfo::default();
    let index = module.memories.push(memory.ty());
    let imports = Imports {
        shared_memory: Some(memory.raw().clone()),
        ..Imports::default()
    };
    Ok(host_instance_with(store, module, imports, Arc::default())?.memory(index))
}

/// `type_ids` are those of the function types that the module refers to, by `SignatureIndex`.
fn host_instance_with(
    store: &mut StoreOpaque,
    module: ModuleInfo,
    imports: Imports,
    type_ids: Arc<LiveTypes>,
) -> anyhow::Result<InstancePtr> {
    use crate::module::CoreModule;
    let engine = store.engine();
    let module = CoreModule::without_code(engine, module, type_ids);
    let unstarted = store.instantiate(&Arc::new(module), imports, ContextPlace::Alone)?;
    unstarted.start(store)
}

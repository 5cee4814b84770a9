//! [`Instance`], a handle to a core instance.

use crate::externals::{
    Extern, Func, Global, Memory, SharedMemory, Table, Tag, TypedFunc, WasmParams, WasmResults,
};
use crate::instantiate::{Definition, instantiate};
use crate::module::Module;
use crate::store::{AsContextMut, StoreId, StoreOpaque};
use crate::vm::InstancePtr;
use anyhow::{Context as _, Result};

/// An instance of a [`Module`] in a store.
#[derive(Copy, Clone, Debug)]
pub struct Instance {
    store: StoreId,
    raw: InstancePtr,
}

/// An export of an [`Instance`].
#[derive(Clone, Debug)]
pub struct Export<'a> {
    name: &'a str,
    item: Extern,
}

impl<'a> Export<'a> {
    /// Its name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// What it is.
    pub fn into_extern(self) -> Extern {
        self.item
    }

    /// The function, if it is one.
    pub fn into_func(self) -> Option<Func> {
        self.item.into_func()
    }
}

impl Instance {
    /// Instantiates a module with imports in the order of [`Module::imports`], and calls its
    /// start function.
    ///
    /// # Errors
    /// If the imports don't fit (a [`LinkError`](crate::LinkError)), there is no room, or the
    /// guest traps (a [`Trap`](crate::Trap)). What segments have written to imported memories
    /// and tables by then stays.
    pub fn new(
        mut store: impl AsContextMut,
        module: &Module,
        imports: &[Extern],
    ) -> Result<Instance> {
        let store = store.as_context_mut().opaque();
        let definitions: Vec<_> = imports.iter().cloned().map(Definition::Extern).collect();
        let raw = instantiate(store, module, &definitions)?.start(store)?;
        Ok(Instance::from_raw(store, raw))
    }

    /// Instantiates a module as [`new`](Self::new) does, on a stack of its own: the start function may call host
    /// functions that are futures; see [`Func::call_async`](crate::Func::call_async).
    ///
    /// # Errors
    /// As [`new`](Self::new), and if there is no stack.
    pub async fn new_async(
        mut store: impl AsContextMut<Data: Send>,
        module: &Module,
        imports: &[Extern],
    ) -> Result<Instance> {
        let store = store.as_context_mut().opaque();
        let definitions: Vec<_> = imports.iter().cloned().map(Definition::Extern).collect();
        let unstarted = instantiate(store, module, &definitions)?;
        let raw = unstarted.start_async(store).await?;
        Ok(Instance::from_raw(store, raw))
    }

    /// An export by name.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn get_export(&self, mut store: impl AsContextMut, name: &str) -> Option<Extern> {
        let store = store.as_context_mut().opaque();
        let raw = self.owned(store);
        let index = raw.module().module.export(name)?;
        Extern::of(store, raw, index)
    }

    /// An exported function by name.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn get_func(&self, store: impl AsContextMut, name: &str) -> Option<Func> {
        self.get_export(store, name)?.into_func()
    }

    /// An exported function by name, with its type known to Rust.
    ///
    /// # Errors
    /// If there is no such function, or its type is another.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn get_typed_func<Params: WasmParams, Results: WasmResults>(
        &self,
        mut store: impl AsContextMut,
        name: &str,
    ) -> Result<TypedFunc<Params, Results>> {
        let func = self
            .get_func(&mut store, name)
            .with_context(|| format!("failed to find function export `{name}`"))?;
        func.typed(store)
            .with_context(|| format!("failed to convert function `{name}` to given type"))
    }

    /// An exported memory that is not shared by name.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn get_memory(&self, store: impl AsContextMut, name: &str) -> Option<Memory> {
        self.get_export(store, name)?.into_memory()
    }

    /// An exported shared memory by name.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn get_shared_memory(&self, store: impl AsContextMut, name: &str) -> Option<SharedMemory> {
        self.get_export(store, name)?.into_shared_memory()
    }

    /// An exported table by name.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn get_table(&self, store: impl AsContextMut, name: &str) -> Option<Table> {
        self.get_export(store, name)?.into_table()
    }

    /// An exported global by name.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn get_global(&self, store: impl AsContextMut, name: &str) -> Option<Global> {
        self.get_export(store, name)?.into_global()
    }

    /// An exported tag by name.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn get_tag(&self, store: impl AsContextMut, name: &str) -> Option<Tag> {
        self.get_export(store, name)?.into_tag()
    }

    /// All exports, in order.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn exports<'a, T: 'static>(
        &self,
        store: impl Into<crate::StoreContextMut<'a, T>>,
    ) -> impl Iterator<Item = Export<'a>> {
        let store: &'a StoreOpaque = store.into().opaque();
        let raw = self.owned(store);
        let exports = raw.module::<'a>().module.exports.iter();
        exports.filter_map(move |(name, index)| {
            let item = Extern::of(store, raw, *index)?;
            Some(Export { name, item })
        })
    }

    pub(crate) fn from_raw(store: &StoreOpaque, raw: InstancePtr) -> Instance {
        Instance {
            store: store.id(),
            raw,
        }
    }

    fn owned(&self, store: &StoreOpaque) -> InstancePtr {
        store.assert_owns(self.store, "instance");
        self.raw
    }
}

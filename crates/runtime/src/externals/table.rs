//! [`Table`], a handle to a table.

use super::host_instance;
use crate::store::{AsContext, AsContextMut, StoreId, StoreOpaque};
use crate::val::Ref;
use crate::vm::DefinedTable;
use anyhow::{Context as _, Result, ensure};
use threadline_environ::module::Module as ModuleInfo;
use threadline_environ::{TableIndex, TableType, ValType};

/// A table of a store.
#[derive(Copy, Clone, Debug)]
pub struct Table {
    store: StoreId,
    raw: DefinedTable,
}

impl Table {
    /// Makes a table whose elements are `init`.
    ///
    /// # Errors
    /// If the type is invalid, needs a proposal that is not built, or there is no room; if
    /// `init` is of another type or store, or the type mentions a function type that the engine
    /// doesn't know.
    pub fn new(mut store: impl AsContextMut, ty: TableType, init: Ref) -> Result<Table> {
        ensure!(
            ty.maximum.is_none_or(|maximum| ty.minimum <= maximum),
            "table minimum size exceeds its maximum"
        );
        let store = store.as_context_mut().opaque();
        store.engine().check_types([ValType::Ref(ty.element)])?;
        let types = store.engine().hold(ty.element)?;
        let init = init.to_element(store, ty.element)?;
        let mut module = ModuleInfo::default();
        let index: TableIndex = module.tables.push(ty);
        module.table_inits.push(None);
        let instance = host_instance(store, module, types)?;
        let raw = instance.table(index);
        if init != 0 {
            raw.fill(0, init, raw.size())?;
        }
        Ok(Table::from_raw(store, raw))
    }

    /// Its type, with the limits it was declared with.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> TableType {
        self.owned(store.as_context().opaque()).ty()
    }

    /// How many elements it has.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn size(&self, store: impl AsContext) -> u64 {
        self.owned(store.as_context().opaque()).size()
    }

    /// An element; `None` out of bounds.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn get(&self, mut store: impl AsContextMut, index: u64) -> Option<Ref> {
        let store = store.as_context_mut().opaque();
        let raw = self.owned(store);
        let element = raw.get(index)?;
        Some(Ref::from_element(store, element, raw.ty().element))
    }

    /// Sets an element.
    ///
    /// # Errors
    /// If `index` is out of bounds, or `value` is of another type or store.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn set(&self, store: impl AsContextMut, index: u64, value: Ref) -> Result<()> {
        self.fill(store, index, value, 1)
    }

    /// Adds `delta` elements; the size before.
    ///
    /// # Errors
    /// If its maximum, the store's [`ResourceLimiter`](crate::ResourceLimiter) or the system
    /// doesn't allow it, or `init` is of another type or store.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64, init: Ref) -> Result<u64> {
        let store = store.as_context_mut().opaque();
        let raw = self.owned(store);
        let init = init.to_element(store, raw.ty().element)?;
        store
            .grow_table(raw, delta, init)?
            .with_context(|| format!("failed to grow table by `{delta}` elements"))
    }

    /// Sets `length` elements from `to` on.
    ///
    /// # Errors
    /// If they are not all in bounds, or `value` is of another type or store.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn fill(
        &self,
        mut store: impl AsContextMut,
        to: u64,
        value: Ref,
        length: u64,
    ) -> Result<()> {
        let store = store.as_context_mut().opaque();
        let raw = self.owned(store);
        let element = value.to_element(store, raw.ty().element)?;
        Ok(raw.fill(to, element, length)?)
    }

    /// Copies `length` elements from one table to another, or within one.
    ///
    /// # Errors
    /// If they are not all in bounds, or the tables' elements are of different types.
    ///
    /// # Panics
    /// If either belongs to another store.
    pub fn copy(
        mut store: impl AsContextMut,
        to_table: &Table,
        to: u64,
        from_table: &Table,
        from: u64,
        length: u64,
    ) -> Result<()> {
        let store = store.as_context_mut().opaque();
        let (target, source) = (to_table.owned(store), from_table.owned(store));
        ensure!(
            store
                .engine()
                .ref_type_matches(source.ty().element, target.ty().element),
            "type mismatch: the tables' elements are of different types"
        );
        Ok(target.copy_from(to, source, from, length)?)
    }

    pub(crate) fn from_raw(store: &StoreOpaque, raw: DefinedTable) -> Table {
        Table {
            store: store.id(),
            raw,
        }
    }

    pub(crate) fn store_id(&self) -> StoreId {
        self.store
    }

    /// The table, once it has been matched with its store.
    pub(crate) fn raw(&self) -> DefinedTable {
        self.raw
    }

    fn owned(&self, store: &StoreOpaque) -> DefinedTable {
        store.assert_owns(self.store, "table");
        self.raw
    }
}

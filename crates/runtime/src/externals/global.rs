//! [`Global`], a handle to a global.

use super::host_instance;
use crate::store::{AsContext, AsContextMut, StoreId, StoreOpaque};
use crate::type_registry::LiveTypes;
use crate::val::Val;
use crate::vm::{GlobalPtr, val_raw};
use anyhow::{Result, ensure};
use threadline_environ::module::{ConstExpr, ConstOp, Module as ModuleInfo};
use threadline_environ::{GlobalIndex, GlobalType, ValType};

/// A global of a store.
#[derive(Copy, Clone, Debug)]
pub struct Global {
    store: StoreId,
    raw: GlobalPtr,
    ty: GlobalType,
}

impl Global {
    /// Makes a global with this value.
    ///
    /// # Errors
    /// If the value is of another type or store, or the type mentions a function type that the engine
    /// doesn't know.
    pub fn new(mut store: impl AsContextMut, ty: GlobalType, value: Val) -> Result<Global> {
        let store = store.as_context_mut().opaque();
        store.engine().check_types([ty.content])?;
        let types = match ty.content {
            ValType::Ref(ty) => store.engine().hold(ty)?,
            _ => LiveTypes::default(),
        };
        let value = value.to_raw(store, ty.content)?;
        let mut module = ModuleInfo::default();
        let index: GlobalIndex = module.globals.push(ty);
        let bytes = val_raw::v128(&val_raw::ZERO);
        module
            .global_inits
            .push(ConstExpr::from_op(ConstOp::V128Const(bytes)));
        let raw = host_instance(store, module, types)?.global(index);
        raw.write(value);
        Ok(Global::from_raw(store, raw, ty))
    }

    /// Its type.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> GlobalType {
        self.owned(store.as_context().opaque());
        self.ty
    }

    /// Its value.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn get(&self, mut store: impl AsContextMut) -> Val {
        let store = store.as_context_mut().opaque();
        Val::from_raw(store, &self.owned(store).read(), self.ty.content)
    }

    /// Sets its value.
    ///
    /// # Errors
    /// If it isn't mutable, or the value is of another type or store.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn set(&self, mut store: impl AsContextMut, value: Val) -> Result<()> {
        let store = store.as_context_mut().opaque();
        let raw = self.owned(store);
        ensure!(self.ty.mutable, "immutable global cannot be set");
        raw.write(value.to_raw(store, self.ty.content)?);
        Ok(())
    }

    pub(crate) fn from_raw(store: &StoreOpaque, raw: GlobalPtr, ty: GlobalType) -> Global {
        Global {
            store: store.id(),
            raw,
            ty,
        }
    }

    pub(crate) fn store_id(&self) -> StoreId {
        self.store
    }

    pub(crate) fn ty_raw(&self) -> GlobalType {
        self.ty
    }

    /// Its storage, once it has been matched with its store.
    pub(crate) fn raw(&self) -> GlobalPtr {
        self.raw
    }

    fn owned(&self, store: &StoreOpaque) -> GlobalPtr {
        store.assert_owns(self.store, "global");
        self.raw
    }
}

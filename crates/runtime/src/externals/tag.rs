//! [`Tag`], a handle to a tag.

use super::host_instance_with;
use crate::store::{AsContext, AsContextMut, StoreId, StoreOpaque};
use crate::vm::{Imports, TagPtr};
use anyhow::{Result, ensure};
use std::sync::Arc;
use threadline_environ::entity::EntityRef;
use threadline_environ::module::Module as ModuleInfo;
use threadline_environ::{FuncType, SignatureIndex, TagIndex};

/// A tag of a store: what kind of exception an exception is.
///
/// Two are equal if they are the same tag. Each instance of a module that defines a tag has one of
/// its own.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    store: StoreId,
    raw: TagPtr,
}

impl Tag {
    /// Makes a tag whose exceptions have values of the types of the parameters of `ty`.
    ///
    /// # Errors
    /// If `ty` has results, or mentions a function type that the engine doesn't know.
    pub fn new(mut store: impl AsContextMut, ty: &FuncType) -> Result<Tag> {
        ensure!(ty.results().is_empty(), "the type of a tag has no results");
        let store = store.as_context_mut().opaque();
        store.engine().check_func_type(ty)?;
        let mut module = ModuleInfo::default();
        // The one signature of the module that is made up.
        let index: TagIndex = module.tags.push(SignatureIndex::new(0));
        let types = Arc::new(store.engine().intern(ty));
        let raw = host_instance_with(store, module, Imports::default(), types)?.tag(index);
        Ok(Tag::from_raw(store, raw))
    }

    /// Its type, a function type without results.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> FuncType {
        let store = store.as_context().opaque();
        store.assert_owns(self.store, "tag");
        (*self.ty_in(store)).clone()
    }

    pub(crate) fn ty_in(&self, store: &StoreOpaque) -> Arc<FuncType> {
        store.engine().func_type(self.raw.type_id())
    }

    pub(crate) fn from_raw(store: &StoreOpaque, raw: TagPtr) -> Tag {
        Tag {
            store: store.id(),
            raw,
        }
    }

    pub(crate) fn store_id(&self) -> StoreId {
        self.store
    }

    /// The tag, once it has been matched with its store.
    pub(crate) fn raw(&self) -> TagPtr {
        self.raw
    }
}

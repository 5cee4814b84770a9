//! Exceptions as the embedder sees them: [`Exception`], an error, and [`ExnRef`], a value.
//!
//! How they are thrown and caught is in `vm`.

use crate::error::LinkError;
use crate::externals::Tag;
use crate::store::{AsContextMut, StoreId, StoreOpaque};
use crate::val::{Val, check_count};
use crate::vm::val_raw;
use anyhow::{Context as _, Result};
use std::fmt;
use threadline_environ::layout::ValRaw;

/// An exception on its way through the host.
///
/// A call of a function that throws one, and doesn't catch it, returns an [`anyhow::Error`] that it
/// can be got from by `downcast_ref`, with a [`WasmBacktrace`](crate::WasmBacktrace) of the place
/// where it was thrown. A host function that returns such an error, whether it got it from a call
/// or made it by [`Exception::new`], with context added or not, throws the exception in the guest
/// that called it, where `try_table` catches it. A trap can't be caught.
///
/// To the functions of components exceptions are traps.
#[derive(Clone)]
pub struct Exception {
    store: StoreId,
    tag: Tag,
    values: Box<[Val]>,
}

impl Exception {
    /// Makes an exception to be thrown by a host function.
    ///
    /// # Errors
    /// If the values aren't those of the tag's type, or something belongs to another store.
    pub fn new(mut store: impl AsContextMut, tag: Tag, values: &[Val]) -> Result<Exception> {
        let store = store.as_context_mut().opaque();
        store.check(tag.store_id(), "tag")?;
        check_count("values", tag.ty_in(store).params().len(), values.len())?;
        let exception = Exception {
            store: store.id(),
            tag,
            values: values.into(),
        };
        exception.raw_values(store)?;
        Ok(exception)
    }

    /// What kind it is.
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// Its values, as many and of such types as the tag's type has parameters.
    pub fn values(&self) -> &[Val] {
        &self.values
    }

    /// The exception that a handle of a store refers to.
    pub(crate) fn of(store: &StoreOpaque, handle: u64) -> Option<Exception> {
        let (tag, values) = store.exception(handle)?;
        let tag = Tag::from_raw(store, tag);
        let ty = tag.ty_in(store);
        let values = values.iter().zip(ty.params());
        Some(Exception {
            store: store.id(),
            tag,
            values: values
                .map(|(raw, &ty)| Val::from_raw(store, raw, ty))
                .collect(),
        })
    }

    /// Whether it belongs to this store.
    pub(crate) fn is_of(&self, store: &StoreOpaque) -> bool {
        self.store == store.id()
    }

    /// Puts it into its store; a handle to it.
    pub(crate) fn add_to(&self, store: &StoreOpaque) -> Result<u64> {
        let values = self.raw_values(store)?;
        Ok(store.add_exception(self.tag.raw(), &values)?)
    }

    fn raw_values(&self, store: &StoreOpaque) -> Result<Vec<ValRaw>> {
        let ty = self.tag.ty_in(store);
        let values = self.values.iter().zip(ty.params());
        values.map(|(val, &ty)| val.to_raw(store, ty)).collect()
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wasm exception")?;
        for (i, value) in self.values.iter().enumerate() {
            f.write_str(if i == 0 { " with values " } else { ", " })?;
            match value {
                Val::I32(_) | Val::I64(_) | Val::F32(_) | Val::F64(_) | Val::V128(_) => {
                    write!(f, "{value:?}")?;
                }
                // Where a reference points to tells nobody anything.
                Val::FuncRef(_) | Val::ExternRef(_) | Val::ExnRef(_) => {
                    write!(f, "{}", value.ty())?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exception")
            .field("tag", &self.tag)
            .field("values", &self.values)
            .finish()
    }
}

impl std::error::Error for Exception {}

/// An exception in a store, as a value of the guest's: an `exnref` that isn't null.
///
/// The store keeps the exception until the store is dropped, even if wasm forgets it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ExnRef {
    store: StoreId,
    handle: u64,
}

impl ExnRef {
    /// Puts an exception into its store, to be given to a guest.
    ///
    /// # Errors
    /// If it belongs to another store, or there are too many already: a store keeps some
    /// megabytes of them.
    pub fn new(mut store: impl AsContextMut, exception: &Exception) -> Result<ExnRef> {
        let store = store.as_context_mut().opaque();
        store.check(exception.store, "exception")?;
        let handle = exception.add_to(store)?;
        ExnRef::from_handle(store, handle).context("a handle is never null")
    }

    /// The exception.
    ///
    /// # Errors
    /// If it belongs to another store.
    pub fn exception(&self, mut store: impl AsContextMut) -> Result<Exception> {
        let store = store.as_context_mut().opaque();
        store.check(self.store, "exnref")?;
        Exception::of(store, self.handle).context("an exnref without an exception")
    }

    /// From a value of the guest's. From now on the embedder has a reference to it.
    pub(crate) fn from_handle(store: &StoreOpaque, handle: u64) -> Option<ExnRef> {
        if handle == 0 {
            return None;
        }
        store.pin_exception(handle);
        Some(ExnRef {
            store: store.id(),
            handle,
        })
    }

    pub(crate) fn load(store: &StoreOpaque, raw: &ValRaw) -> Option<ExnRef> {
        ExnRef::from_handle(store, val_raw::exnref(raw))
    }

    pub(crate) fn lower(this: Option<ExnRef>, store: &StoreOpaque) -> Result<ValRaw, LinkError> {
        let Some(this) = this else {
            return Ok(val_raw::ZERO);
        };
        store.check(this.store, "exnref")?;
        Ok(val_raw::from_exnref(this.handle))
    }
}

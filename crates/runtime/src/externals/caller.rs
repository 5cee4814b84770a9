//! [`Caller`], a host function's view of who called it.

use super::Extern;
use crate::Engine;
use crate::store::{AsContext, AsContextMut, StoreContext, StoreContextMut, StoreOpaque};
use crate::vm::InstancePtr;

/// The store a host function is called in, and the instance that imports the function.
pub struct Caller<'a, T: 'static> {
    store: StoreContextMut<'a, T>,
    importer: Option<InstancePtr>,
}

impl<'a, T: 'static> Caller<'a, T> {
    pub(crate) fn new(store: StoreContextMut<'a, T>, importer: Option<InstancePtr>) -> Self {
        Caller { store, importer }
    }

    pub(crate) fn reborrow(&mut self) -> Caller<'_, T> {
        Caller {
            store: StoreContextMut(self.store.0),
            importer: self.importer,
        }
    }

    pub(crate) fn opaque(&self) -> &StoreOpaque {
        &self.store.0.opaque
    }

    /// The embedder's data.
    pub fn data(&self) -> &T {
        self.store.data()
    }

    /// The embedder's data, to be changed.
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// The store's engine.
    pub fn engine(&self) -> &Engine {
        self.store.engine()
    }

    /// An export of the instance that imports the function: of the caller, unless the call went
    /// through a reference, which keeps the importer that it was taken from. `None` if there is
    /// no such export, or if the function was reached from a handle of the host's, which no
    /// instance has imported.
    pub fn get_export(&mut self, name: &str) -> Option<Extern> {
        let importer = self.importer?;
        let index = importer.module().module.export(name)?;
        Extern::of(&self.store.0.opaque, importer, index)
    }
}

impl<T: 'static> AsContext for Caller<'_, T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        self.store.as_context()
    }
}

impl<T: 'static> AsContextMut for Caller<'_, T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        self.store.as_context_mut()
    }
}

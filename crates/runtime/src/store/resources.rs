//! What a store knows of resources: their types, and the handles that the host has.

use crate::component::{HostType, ResourceType, ResourceTypeId};
use crate::store::StoreId;
use crate::vm::{ComponentInstancePtr, HostDtor};
use anyhow::{Result, ensure};
use std::any::TypeId;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use threadline_environ::ResourceIndex;

/// The resource types and the host's handles of a store.
#[derive(Default)]
pub(crate) struct StoreResources {
    /// By [`ResourceTypeId`], which is one more.
    types: Vec<StoreResourceType>,
    host_ids: BTreeMap<TypeId, ResourceTypeId>,
    /// In a cell, because values are lifted out of a store that is only shared.
    handles: RefCell<HostHandles>,
}

/// A resource type as its store knows it.
#[derive(Clone)]
pub(crate) enum StoreResourceType {
    /// The host's. The destructor is that of the first instance that imported it.
    Host {
        /// What it is.
        ty: HostType,
        /// What a drop by the host calls.
        dtor: Option<HostDtor>,
    },
    /// An instance's.
    Guest {
        /// Which instance.
        instance: ComponentInstancePtr,
        /// Which of its types.
        index: ResourceIndex,
        /// What it is called.
        name: Option<Arc<str>>,
    },
}

impl StoreResources {
    /// The number of a host's type; `dtor` is kept if the store has none for it yet.
    ///
    /// # Panics
    /// If a store has 2³² types.
    pub(crate) fn host_type(&mut self, ty: HostType, dtor: Option<&HostDtor>) -> ResourceTypeId {
        if let Some(&id) = self.host_ids.get(&ty.id()) {
            let known = &mut self.types[id.get() as usize - 1];
            if let StoreResourceType::Host { dtor: known, .. } = known
                && known.is_none()
            {
                *known = dtor.cloned();
            }
            return id;
        }
        let dtor = dtor.cloned();
        let id = self.add(StoreResourceType::Host { ty, dtor });
        self.host_ids.insert(ty.id(), id);
        id
    }

    /// Makes a type of a guest's.
    ///
    /// # Panics
    /// As [`StoreResources::host_type`].
    pub(crate) fn guest_type(
        &mut self,
        instance: ComponentInstancePtr,
        index: ResourceIndex,
        name: Option<Arc<str>>,
    ) -> ResourceTypeId {
        self.add(StoreResourceType::Guest {
            instance,
            index,
            name,
        })
    }

    fn add(&mut self, ty: StoreResourceType) -> ResourceTypeId {
        self.types.push(ty);
        let id = u32::try_from(self.types.len()).ok();
        let id = id.and_then(ResourceTypeId::new);
        id.filter(|id| id.get() < threadline_environ::layout::FIRST_OTHER_KIND)
            .expect("a store that can't be left by instances has room for four billion types")
    }

    /// What a type is.
    pub(crate) fn get(&self, id: ResourceTypeId) -> Option<&StoreResourceType> {
        self.types.get(id.get() as usize - 1)
    }

    /// The host's type that this is, if it is one.
    pub(crate) fn as_host(&self, id: ResourceTypeId) -> Option<HostType> {
        match self.get(id)? {
            StoreResourceType::Host { ty, .. } => Some(*ty),
            StoreResourceType::Guest { .. } => None,
        }
    }

    /// What a drop by the host of a resource of one of its types calls.
    pub(crate) fn host_dtor(&self, ty: HostType) -> Option<HostDtor> {
        match self.get(*self.host_ids.get(&ty.id())?)? {
            StoreResourceType::Host { dtor, .. } => dtor.clone(),
            StoreResourceType::Guest { .. } => None,
        }
    }

    /// A type, as embedders see it.
    pub(crate) fn public(&self, store: StoreId, id: ResourceTypeId) -> Option<ResourceType> {
        Some(match self.get(id)? {
            StoreResourceType::Host { ty, .. } => ResourceType::host_type(*ty),
            StoreResourceType::Guest { name, .. } => ResourceType::guest(store, id, name.clone()),
        })
    }

    /// The handles that the host has. Not to be kept: whoever lifts or lowers borrows them.
    pub(crate) fn handles(&self) -> std::cell::RefMut<'_, HostHandles> {
        self.handles.borrow_mut()
    }
}

/// How many handles the host may have in a store. Guests that pass resources to the host add to them.
const MAX_HOST_HANDLES: usize = 1 << 20;

/// Handles that the host has by [`ResourceAny`](crate::component::ResourceAny).
#[derive(Default)]
pub(crate) struct HostHandles {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

struct Slot {
    /// Changes whenever the slot is emptied, so that an old handle finds nothing.
    generation: u32,
    handle: Option<HostHandle>,
}

/// A handle of the host's.
#[derive(Copy, Clone, Debug)]
pub(crate) struct HostHandle {
    /// The resource's type.
    pub(crate) ty: ResourceTypeId,
    /// The resource.
    pub(crate) rep: u32,
    /// Whether the host owns it.
    pub(crate) own: bool,
    /// How many calls it is lent to.
    pub(crate) lends: u32,
}

/// Which of the host's handles.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HostHandleKey {
    index: u32,
    generation: u32,
}

impl HostHandles {
    /// Adds a handle.
    ///
    /// # Errors
    /// If the host has [`MAX_HOST_HANDLES`] already.
    pub(crate) fn add(&mut self, handle: HostHandle) -> Result<HostHandleKey> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.new_slot()?,
        };
        let slot = &mut self.slots[index as usize];
        slot.handle = Some(handle);
        Ok(HostHandleKey {
            index,
            generation: slot.generation,
        })
    }

    #[cold]
    fn new_slot(&mut self) -> Result<u32> {
        ensure!(
            self.slots.len() < MAX_HOST_HANDLES,
            "the host has {MAX_HOST_HANDLES} handles to resources: drop those it is done with \
             (`ResourceAny::resource_drop`)"
        );
        self.slots.push(Slot {
            generation: 0,
            handle: None,
        });
        Ok(self.slots.len() as u32 - 1)
    }

    /// A handle, if the host still has it.
    pub(crate) fn get_mut(&mut self, key: HostHandleKey) -> Option<&mut HostHandle> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        slot.handle.as_mut()
    }

    /// Removes a handle, if the host still has it.
    pub(crate) fn remove(&mut self, key: HostHandleKey) -> Option<HostHandle> {
        let handle = *self.get_mut(key)?;
        let slot = &mut self.slots[key.index as usize];
        slot.handle = None;
        slot.generation += 1;
        // A slot that has run out of generations is never used again.
        if slot.generation < u32::MAX {
            self.free.push(key.index);
        }
        Some(handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle(rep: u32) -> HostHandle {
        HostHandle {
            ty: ResourceTypeId::new(1).unwrap(),
            rep,
            own: true,
            lends: 0,
        }
    }

    #[test]
    fn a_handle_that_was_removed_finds_nothing() {
        let mut handles = HostHandles::default();
        let old = handles.add(handle(1)).unwrap();
        assert_eq!(handles.remove(old).unwrap().rep, 1);
        let new = handles.add(handle(2)).unwrap();
        assert_eq!(old.index, new.index);
        assert!(handles.get_mut(old).is_none() && handles.remove(old).is_none());
        assert_eq!(handles.get_mut(new).unwrap().rep, 2);
    }

    #[test]
    fn a_slot_that_has_run_out_of_generations_is_never_used_again() {
        let mut handles = HostHandles::default();
        handles.add(handle(1)).unwrap();
        handles.slots[0].generation = u32::MAX - 1;
        let last = HostHandleKey {
            index: 0,
            generation: u32::MAX - 1,
        };
        assert!(handles.remove(last).is_some());
        let next = handles.add(handle(2)).unwrap();
        assert_eq!((next.index, next.generation), (1, 0));
        assert!(handles.get_mut(last).is_none());
    }

    #[test]
    fn the_host_has_no_more_handles_than_it_may() {
        let mut handles = HostHandles::default();
        let first = handles.add(handle(0)).unwrap();
        for rep in 1..MAX_HOST_HANDLES as u32 {
            handles.add(handle(rep)).unwrap();
        }
        let error = handles.add(handle(0)).unwrap_err().to_string();
        assert!(error.contains("1048576 handles"), "{error}");
        handles.remove(first);
        assert!(handles.add(handle(0)).is_ok());
    }
}

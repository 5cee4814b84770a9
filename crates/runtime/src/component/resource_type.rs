//! [`ResourceType`]: what tells resources of one type from others.

use super::types::Description;
use crate::store::StoreId;
use std::any::{TypeId, type_name};
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use threadline_environ::ResourceIndex;

/// A resource type.
///
/// Types are equal if they are of the same origin: the same Rust type for the host's; for a
/// guest's, the same instance of the component that defines it. As part of a component that has
/// not been instantiated, a type is known by its place there alone.
#[derive(Clone)]
pub struct ResourceType(Kind);

#[derive(Clone)]
enum Kind {
    /// The host's, for a Rust type.
    Host(HostType),
    /// A guest's.
    Guest {
        store: StoreId,
        id: ResourceTypeId,
        name: Option<Arc<str>>,
    },
    /// A type that a component imports or defines, no instance of it in particular.
    Uninstantiated {
        of: Description,
        index: ResourceIndex,
    },
}

/// A Rust type as the type of host resources.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(crate) struct HostType {
    id: TypeId,
    name: &'static str,
}

/// A resource type's number in a store, never 0.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ResourceTypeId(NonZeroU32);

impl ResourceTypeId {
    pub(crate) fn new(id: u32) -> Option<ResourceTypeId> {
        NonZeroU32::new(id).map(ResourceTypeId)
    }

    pub(crate) fn get(self) -> u32 {
        self.0.get()
    }
}

impl HostType {
    pub(crate) fn of<T: 'static>() -> HostType {
        HostType {
            id: TypeId::of::<T>(),
            name: type_name::<T>(),
        }
    }

    /// What tells it from others.
    pub(crate) fn id(&self) -> TypeId {
        self.id
    }
}

impl ResourceType {
    /// The type of host resources that a [`Resource<T>`](super::Resource) stands for.
    pub fn host<T: 'static>() -> ResourceType {
        ResourceType(Kind::Host(HostType::of::<T>()))
    }

    pub(crate) fn guest(
        store: StoreId,
        id: ResourceTypeId,
        name: Option<Arc<str>>,
    ) -> ResourceType {
        ResourceType(Kind::Guest { store, id, name })
    }

    pub(crate) fn host_type(ty: HostType) -> ResourceType {
        ResourceType(Kind::Host(ty))
    }

    pub(crate) fn new(of: &Description, index: ResourceIndex) -> ResourceType {
        ResourceType(Kind::Uninstantiated {
            of: of.clone(),
            index,
        })
    }

    /// The Rust type, if it is the host's.
    pub(crate) fn as_host(&self) -> Option<HostType> {
        match self.0 {
            Kind::Host(ty) => Some(ty),
            Kind::Guest { .. } | Kind::Uninstantiated { .. } => None,
        }
    }

    /// The store and the number there, if it is a guest's.
    pub(crate) fn as_guest(&self) -> Option<(StoreId, ResourceTypeId)> {
        match self.0 {
            Kind::Guest { store, id, .. } => Some((store, id)),
            Kind::Host(_) | Kind::Uninstantiated { .. } => None,
        }
    }
}

impl PartialEq for ResourceType {
    fn eq(&self, other: &ResourceType) -> bool {
        match (&self.0, &other.0) {
            (Kind::Host(a), Kind::Host(b)) => a.id == b.id,
            (
                Kind::Guest { store, id, .. },
                Kind::Guest {
                    store: s, id: i, ..
                },
            ) => (store, id) == (s, i),
            (Kind::Uninstantiated { of, index }, Kind::Uninstantiated { of: o, index: i }) => {
                Arc::ptr_eq(of, o) && index == i
            }
            _ => false,
        }
    }
}

impl Eq for ResourceType {}

/// Its name, if it has one: for people.
impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Host(ty) => ty.name,
            Kind::Guest { name, .. } => name.as_deref().unwrap_or("resource"),
            Kind::Uninstantiated { of, index } => of.resource_name(*index).unwrap_or("resource"),
        })
    }
}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceType({self})")
    }
}

//! [`ResourceType`]: what tells resources of one type from others.

use super::types::Description;
use std::fmt;
use std::sync::Arc;
use threadline_environ::ResourceIndex;

/// A resource type.
#[derive(Clone)]
pub struct ResourceType(Kind);

#[derive(Clone)]
enum Kind {
    /// A type that a component imports or defines, no instance of it in particular.
    Uninstantiated {
        of: Description,
        index: ResourceIndex,
    },
}

impl ResourceType {
    pub(crate) fn new(of: &Description, index: ResourceIndex) -> ResourceType {
        ResourceType(Kind::Uninstantiated {
            of: of.clone(),
            index,
        })
    }
}

impl PartialEq for ResourceType {
    fn eq(&self, other: &ResourceType) -> bool {
        let Kind::Uninstantiated { of, index } = &self.0;
        let Kind::Uninstantiated {
            of: other_of,
            index: other_index,
        } = &other.0;
        Arc::ptr_eq(of, other_of) && index == other_index
    }
}

impl Eq for ResourceType {}

/// Its name, if it has one: for people.
impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kind::Uninstantiated { of, index } = &self.0;
        f.write_str(of.resources[*index].name.as_deref().unwrap_or("resource"))
    }
}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceType({self})")
    }
}

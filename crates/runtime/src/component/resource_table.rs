//! [`ResourceTable`]: values of the embedder's, each behind the number of a [`Resource`].

use super::resource::Resource;
use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;

/// A table of values that [`Resource`]s refer to by their representation.
///
/// A value may have a parent, which can't be deleted before its children. Numbers are used again,
/// the last one deleted first.
#[derive(Default)]
pub struct ResourceTable {
    slots: Vec<Slot>,
    /// The slot to be used next; `None` if all are in use.
    free: Option<u32>,
    capacity: Option<usize>,
}

enum Slot {
    Free { next: Option<u32> },
    Used(Entry),
}

struct Entry {
    value: Box<dyn Any + Send>,
    parent: Option<u32>,
    children: BTreeSet<u32>,
}

/// What can be wrong between a [`ResourceTable`] and who uses it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResourceTableError {
    /// There is no room for another value.
    Full,
    /// There is no value with this number.
    NotPresent,
    /// The value with this number is of another type.
    WrongType,
    /// The value has children.
    HasChildren,
}

impl fmt::Display for ResourceTableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ResourceTableError::Full => "the resource table is full",
            ResourceTableError::NotPresent => "the resource is not in the table",
            ResourceTableError::WrongType => "the resource is of another type",
            ResourceTableError::HasChildren => "the resource has children",
        })
    }
}

impl std::error::Error for ResourceTableError {}

impl ResourceTable {
    /// A table without values.
    pub fn new() -> ResourceTable {
        ResourceTable::default()
    }

    /// Sets how many values there may be.
    pub fn set_max_capacity(&mut self, capacity: usize) {
        self.capacity = Some(capacity);
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.slots
            .iter()
            .all(|slot| matches!(slot, Slot::Free { .. }))
    }

    /// Adds a value.
    ///
    /// # Errors
    /// If the table is full.
    pub fn push<T: Send + 'static>(&mut self, value: T) -> Result<Resource<T>, ResourceTableError> {
        Ok(Resource::new_own(self.add(Box::new(value), None)?))
    }

    /// Adds a value that is a child of another one.
    ///
    /// # Errors
    /// If the parent is not there, or the table is full.
    pub fn push_child<T: Send + 'static, U: 'static>(
        &mut self,
        value: T,
        parent: &Resource<U>,
    ) -> Result<Resource<T>, ResourceTableError> {
        let parent = parent.rep();
        self.entry(parent)?;
        let child = self.add(Box::new(value), Some(parent))?;
        self.entry_mut(parent)?.children.insert(child);
        Ok(Resource::new_own(child))
    }

    /// A value.
    ///
    /// # Errors
    /// If it is not there, or of another type.
    pub fn get<T: 'static>(&self, resource: &Resource<T>) -> Result<&T, ResourceTableError> {
        let value = self.get_any(resource.rep())?;
        value.downcast_ref().ok_or(ResourceTableError::WrongType)
    }

    /// A value, to be changed.
    ///
    /// # Errors
    /// As [`ResourceTable::get`].
    pub fn get_mut<T: 'static>(
        &mut self,
        resource: &Resource<T>,
    ) -> Result<&mut T, ResourceTableError> {
        let value = self.get_any_mut(resource.rep())?;
        value.downcast_mut().ok_or(ResourceTableError::WrongType)
    }

    /// A value by its number, of whatever type.
    ///
    /// # Errors
    /// If it is not there.
    pub fn get_any(&self, rep: u32) -> Result<&(dyn Any + Send), ResourceTableError> {
        Ok(&*self.entry(rep)?.value)
    }

    /// A value by its number, to be changed.
    ///
    /// # Errors
    /// If it is not there.
    pub fn get_any_mut(&mut self, rep: u32) -> Result<&mut (dyn Any + Send), ResourceTableError> {
        Ok(&mut *self.entry_mut(rep)?.value)
    }

    /// Takes a value out.
    ///
    /// # Errors
    /// If it is not there, of another type, or has children. Nothing has happened then.
    pub fn delete<T: 'static>(&mut self, resource: Resource<T>) -> Result<T, ResourceTableError> {
        let rep = resource.rep();
        let entry = self.entry(rep)?;
        if !entry.value.is::<T>() {
            return Err(ResourceTableError::WrongType);
        }
        if !entry.children.is_empty() {
            return Err(ResourceTableError::HasChildren);
        }
        let free = Slot::Free { next: self.free };
        let Slot::Used(entry) = std::mem::replace(&mut self.slots[rep as usize], free) else {
            return Err(ResourceTableError::NotPresent);
        };
        self.free = Some(rep);
        if let Some(parent) = entry.parent {
            self.entry_mut(parent)?.children.remove(&rep);
        }
        let value = entry.value as Box<dyn Any>;
        let value = value.downcast();
        value
            .map(|value| *value)
            .map_err(|_| ResourceTableError::WrongType)
    }

    /// The children of a value, by their numbers.
    ///
    /// # Errors
    /// If the value is not there.
    pub fn iter_children<T: 'static>(
        &self,
        parent: &Resource<T>,
    ) -> Result<impl Iterator<Item = &(dyn Any + Send)>, ResourceTableError> {
        let children = self.entry(parent.rep())?.children.iter();
        Ok(children.filter_map(|&child| self.get_any(child).ok()))
    }

    fn add(
        &mut self,
        value: Box<dyn Any + Send>,
        parent: Option<u32>,
    ) -> Result<u32, ResourceTableError> {
        let entry = Slot::Used(Entry {
            value,
            parent,
            children: BTreeSet::new(),
        });
        if let Some(rep) = self.free {
            let Slot::Free { next } = std::mem::replace(&mut self.slots[rep as usize], entry)
            else {
                return Err(ResourceTableError::Full);
            };
            self.free = next;
            return Ok(rep);
        }
        if self
            .capacity
            .is_some_and(|capacity| self.slots.len() >= capacity)
        {
            return Err(ResourceTableError::Full);
        }
        let rep = u32::try_from(self.slots.len()).map_err(|_| ResourceTableError::Full)?;
        self.slots.push(entry);
        Ok(rep)
    }

    fn entry(&self, rep: u32) -> Result<&Entry, ResourceTableError> {
        match self.slots.get(rep as usize) {
            Some(Slot::Used(entry)) => Ok(entry),
            Some(Slot::Free { .. }) | None => Err(ResourceTableError::NotPresent),
        }
    }

    fn entry_mut(&mut self, rep: u32) -> Result<&mut Entry, ResourceTableError> {
        match self.slots.get_mut(rep as usize) {
            Some(Slot::Used(entry)) => Ok(entry),
            Some(Slot::Free { .. }) | None => Err(ResourceTableError::NotPresent),
        }
    }
}

impl fmt::Debug for ResourceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = self
            .slots
            .iter()
            .filter(|slot| matches!(slot, Slot::Used(_)));
        f.debug_struct("ResourceTable")
            .field("values", &used.count())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_used_again() {
        let mut table = ResourceTable::new();
        let a = table.push("a").unwrap();
        let b = table.push("b").unwrap();
        let rep = a.rep();
        assert_eq!(table.delete(a), Ok("a"));
        let c = table.push(7u32).unwrap();
        assert_eq!(c.rep(), rep);
        assert_eq!(table.get(&c), Ok(&7));
        assert_eq!(table.get(&b), Ok(&"b"));
    }

    #[test]
    fn a_number_of_another_type_finds_nothing() {
        let mut table = ResourceTable::new();
        let a = table.push("a").unwrap();
        let wrong: Resource<u32> = Resource::new_borrow(a.rep());
        assert_eq!(table.get(&wrong), Err(ResourceTableError::WrongType));
        assert_eq!(table.delete(wrong), Err(ResourceTableError::WrongType));
        let missing: Resource<&str> = Resource::new_borrow(9);
        assert_eq!(table.get(&missing), Err(ResourceTableError::NotPresent));
    }

    #[test]
    fn parents_outlive_their_children() {
        let mut table = ResourceTable::new();
        let parent = table.push("parent").unwrap();
        let child = table.push_child("child", &parent).unwrap();
        assert_eq!(table.iter_children(&parent).unwrap().count(), 1);
        let again = Resource::new_own(parent.rep());
        assert_eq!(
            table.delete::<&str>(again),
            Err(ResourceTableError::HasChildren)
        );
        table.delete(child).unwrap();
        table.delete(parent).unwrap();
        assert!(table.is_empty());
    }

    #[test]
    fn a_table_may_be_full() {
        let mut table = ResourceTable::new();
        table.set_max_capacity(1);
        let only = table.push(1u8).unwrap();
        assert_eq!(table.push(2u8).unwrap_err(), ResourceTableError::Full);
        table.delete(only).unwrap();
        table.push(3u8).unwrap();
    }
}

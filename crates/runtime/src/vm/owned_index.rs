//! [`Owned`], an index that knows in debug builds which component instance it belongs to.
//!
//! Each component numbers its canonical options and types from 0, so the index of one component
//! looks like an index of another. Where an index is kept apart from the instance that it belongs
//! to, it is kept as an [`Owned`]; a lookup in another instance is then an error. Release builds
//! keep the index alone: there, the checks of the spec make sure that nobody mixes instances.

use super::component_instance::ComponentInstancePtr;
#[cfg(debug_assertions)]
use crate::bug::bail_bug;
use anyhow::Result;
use std::fmt;
use threadline_environ::OptionsIndex;

/// An index of a component instance.
#[derive(Copy, Clone)]
pub(crate) struct Owned<I> {
    index: I,
    #[cfg(debug_assertions)]
    owner: ComponentInstancePtr,
}

impl<I> Owned<I> {
    /// Marks an index as one of `owner`'s.
    #[inline]
    #[cfg_attr(
        not(debug_assertions),
        expect(unused_variables, reason = "only debug builds keep the owner")
    )]
    pub(crate) fn new(owner: ComponentInstancePtr, index: I) -> Owned<I> {
        Owned {
            index,
            #[cfg(debug_assertions)]
            owner,
        }
    }
}

impl<I: fmt::Debug> fmt::Debug for Owned<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.index.fmt(f)
    }
}

/// What a component instance takes for an index of its own.
pub(crate) trait IndexOf<I> {
    /// Returns the index, to be used with `instance`.
    ///
    /// # Errors
    /// If it is known to belong to another instance.
    fn of(self, instance: ComponentInstancePtr) -> Result<I>;
}

impl<I: fmt::Debug> IndexOf<I> for Owned<I> {
    #[inline]
    #[cfg_attr(
        not(debug_assertions),
        expect(unused_variables, reason = "only debug builds know the owner")
    )]
    fn of(self, instance: ComponentInstancePtr) -> Result<I> {
        #[cfg(debug_assertions)]
        if self.owner != instance {
            bail_bug!("{:?} belongs to another component instance", self.index);
        }
        Ok(self.index)
    }
}

/// One that is passed on at once, with its instance.
impl IndexOf<OptionsIndex> for OptionsIndex {
    #[inline]
    fn of(self, _: ComponentInstancePtr) -> Result<OptionsIndex> {
        Ok(self)
    }
}

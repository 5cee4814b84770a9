//! Names of what lives in the scheduler's slabs: a place and a generation, so that a name which is
//! out of date finds nothing instead of something else.

use std::num::NonZeroU32;

/// A place in a slab, and which of its successive tenants is meant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RawId {
    pub(crate) index: u32,
    pub(crate) generation: NonZeroU32,
}

impl RawId {
    /// The place in the slab. As long as nothing is removed, places ascend from 0.
    #[inline]
    pub fn index(self) -> usize {
        self.index as usize
    }
}

/// What all ids have in common.
pub trait Id: Copy + Eq {
    /// Gives the id this type.
    fn from_raw(raw: RawId) -> Self;

    /// The id without its type.
    fn raw(self) -> RawId;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(RawId);

        impl Id for $name {
            #[inline]
            fn from_raw(raw: RawId) -> Self {
                $name(raw)
            }

            #[inline]
            fn raw(self) -> RawId {
                self.0
            }
        }

        impl $name {
            /// The id as a number, never 0, for places that can't hold Rust's types.
            #[inline]
            pub fn to_bits(self) -> u64 {
                u64::from(self.0.generation.get()) << 32 | u64::from(self.0.index)
            }

            /// The id that [`Self::to_bits`] made a number of.
            ///
            /// Any other number gives none, or an id that finds nothing or something else of this
            /// type.
            #[inline]
            pub fn from_bits(bits: u64) -> Option<Self> {
                let generation = NonZeroU32::new((bits >> 32) as u32)?;
                let index = bits as u32;
                Some($name(RawId { index, generation }))
            }
        }
    )*};
}

ids! {
    /// A component instance.
    InstanceId
    /// A task: one call of a component's export.
    TaskId
    /// A guest thread.
    ThreadId
    /// A waitable: a subtask, or an end of a stream or future.
    WaitableId
    /// A waitable that is a subtask: a call, seen from the caller.
    SubtaskId
    /// A waitable that is an end of a stream or future.
    EndId
    /// A waitable set.
    SetId
}

impl From<SubtaskId> for WaitableId {
    #[inline]
    fn from(id: SubtaskId) -> Self {
        WaitableId(id.0)
    }
}

impl From<EndId> for WaitableId {
    #[inline]
    fn from(id: EndId) -> Self {
        WaitableId(id.0)
    }
}

//! Names of what lives in the scheduler's slabs: a place and a generation, so that a name which is
//! out of date finds nothing instead of something else.

use std::num::NonZeroU64;

/// A place in a slab, in the lower half, and which of its successive tenants is meant, from 1 on, in the
/// upper half.
///
/// One number, so that it is moved as one: halves that are written one by one, and read together, stall.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RawId(NonZeroU64);

/// What is between the ids of two successive tenants.
const FIRST_GENERATION: NonZeroU64 = NonZeroU64::new(1 << 32).unwrap();

impl RawId {
    /// The place in the slab. As long as nothing is removed, places ascend from 0.
    #[inline]
    pub fn index(self) -> usize {
        self.place() as usize
    }

    /// The first tenant of a place.
    #[inline]
    pub fn first(place: u32) -> RawId {
        RawId(FIRST_GENERATION | u64::from(place))
    }

    /// The same, in 32 bits, which [`first`](Self::first) takes.
    #[inline]
    pub fn place(self) -> u32 {
        self.0.get() as u32
    }

    /// The next tenant of the place; none if its generations have run out.
    #[inline]
    pub fn next(self) -> Option<RawId> {
        self.0.checked_add(FIRST_GENERATION.get()).map(RawId)
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
                self.0.0.get()
            }

            /// The id that [`Self::to_bits`] made a number of.
            ///
            /// Any other number gives none, or an id that finds nothing or something else of this
            /// type.
            #[inline]
            pub fn from_bits(bits: u64) -> Option<Self> {
                // There is no tenant 0.
                let is_one = bits >= FIRST_GENERATION.get();
                Some($name(RawId(NonZeroU64::new(bits).filter(|_| is_one)?)))
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

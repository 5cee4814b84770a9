//! Doubly linked lists whose links are in the values, which live in a [slab](crate::slab): to add
//! or remove one anywhere takes constant time and no memory.
//!
//! A value has one link for each kind of list it can be in, told apart by the list's type parameter.

use std::marker::PhantomData;

use crate::id::Id;
use crate::slab::Slab;

/// No place.
const NONE: u32 = u32::MAX;

/// A value's neighbours in a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    previous: u32,
    next: u32,
}

impl Default for Link {
    fn default() -> Self {
        Link {
            previous: NONE,
            next: NONE,
        }
    }
}

/// A value that has a link for lists of kind `K`.
pub(crate) trait Linked<K> {
    fn link(&self) -> &Link;
    fn link_mut(&mut self) -> &mut Link;
}

/// A list of kind `K`: the places of its first and last value.
pub(crate) struct List<K> {
    first: u32,
    last: u32,
    len: u32,
    kind: PhantomData<fn(K)>,
}

impl<K> Default for List<K> {
    fn default() -> Self {
        List {
            first: NONE,
            last: NONE,
            len: 0,
            kind: PhantomData,
        }
    }
}

impl<K> List<K> {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first == NONE
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    #[inline]
    pub(crate) fn push_back<I: Id, T: Linked<K>>(&mut self, slab: &mut Slab<I, T>, at: u32) {
        let link = slab.at_mut(at).link_mut();
        link.previous = self.last;
        link.next = NONE;
        match self.last {
            NONE => self.first = at,
            last => slab.at_mut(last).link_mut().next = at,
        }
        self.last = at;
        self.len += 1;
    }

    pub(crate) fn push_front<I: Id, T: Linked<K>>(&mut self, slab: &mut Slab<I, T>, at: u32) {
        let link = slab.at_mut(at).link_mut();
        link.previous = NONE;
        link.next = self.first;
        match self.first {
            NONE => self.last = at,
            first => slab.at_mut(first).link_mut().previous = at,
        }
        self.first = at;
        self.len += 1;
    }

    #[inline]
    pub(crate) fn remove<I: Id, T: Linked<K>>(&mut self, slab: &mut Slab<I, T>, at: u32) {
        let Link { previous, next } = *slab.at(at).link();
        match previous {
            NONE => self.first = next,
            previous => slab.at_mut(previous).link_mut().next = next,
        }
        match next {
            NONE => self.last = previous,
            next => slab.at_mut(next).link_mut().previous = previous,
        }
        *slab.at_mut(at).link_mut() = Link::default();
        self.len -= 1;
    }

    /// Takes the first value out, which there is, and puts another at the end.
    #[inline]
    pub(crate) fn replace_first<I: Id, T: Linked<K>>(&mut self, slab: &mut Slab<I, T>, by: u32) {
        let first = slab.at_mut(self.first).link_mut();
        let next = std::mem::take(first).next;
        if next == NONE {
            self.first = by;
            self.last = by;
            *slab.at_mut(by).link_mut() = Link::default();
            return;
        }
        slab.at_mut(next).link_mut().previous = NONE;
        slab.at_mut(self.last).link_mut().next = by;
        *slab.at_mut(by).link_mut() = Link {
            previous: self.last,
            next: NONE,
        };
        self.first = next;
        self.last = by;
    }

    /// The places of all values in the list.
    pub(crate) fn iter<'a, I: Id, T: Linked<K>>(
        &self,
        slab: &'a Slab<I, T>,
    ) -> impl Iterator<Item = u32> + use<'a, I, T, K> {
        let mut at = self.first;
        std::iter::from_fn(move || {
            let here = at;
            if here == NONE {
                return None;
            }
            at = slab.at(here).link().next;
            Some(here)
        })
    }

    /// The place of the value that has so many before it.
    pub(crate) fn nth<I: Id, T: Linked<K>>(&self, slab: &Slab<I, T>, n: usize) -> Option<u32> {
        self.iter(slab).nth(n)
    }

    /// Whether the links go the same way in both directions and are as many as counted.
    pub(crate) fn is_consistent<I: Id, T: Linked<K>>(&self, slab: &Slab<I, T>) -> bool {
        let mut before = NONE;
        let mut count = 0;
        for at in self.iter(slab) {
            if slab.at(at).link().previous != before || count > self.len {
                return false;
            }
            before = at;
            count += 1;
        }
        before == self.last && count == self.len
    }
}

#[cfg(test)]
mod tests {
    use super::{Link, Linked, List};
    use crate::id::ThreadId;
    use crate::slab::Slab;

    struct Kind;

    impl Linked<Kind> for Link {
        fn link(&self) -> &Link {
            self
        }

        fn link_mut(&mut self) -> &mut Link {
            self
        }
    }

    #[test]
    fn a_list_keeps_its_order_through_removals() {
        let mut slab = Slab::<ThreadId, Link>::new();
        for _ in 0..5 {
            slab.insert(Link::default());
        }
        let mut list = List::<Kind>::default();
        for at in [1, 2, 3, 4] {
            list.push_back(&mut slab, at);
        }
        list.push_front(&mut slab, 0);
        for (removed, left) in [
            (2, vec![0, 1, 3, 4]),
            (0, vec![1, 3, 4]),
            (4, vec![1, 3]),
            (1, vec![3]),
            (3, vec![]),
        ] {
            list.remove(&mut slab, removed);
            assert!(list.is_consistent(&slab));
            assert_eq!(list.iter(&slab).collect::<Vec<_>>(), left);
            assert_eq!(list.len(), left.len());
        }
        assert!(list.is_empty());
    }
}

//! A slab: values at places that don't change while they live, found by generational [ids](crate::id).

use std::marker::PhantomData;

use crate::id::{Id, RawId};

/// Values of type `T`, named by ids of type `I`.
pub(crate) struct Slab<I, T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    live: usize,
    ids: PhantomData<fn(I) -> I>,
}

impl<I, T> Drop for Slab<I, T> {
    fn drop(&mut self) {
        if cfg!(debug_assertions) {
            self.live = GONE;
        }
    }
}

struct Entry<T> {
    /// Of the value, or of the next one.
    id: RawId,
    value: Option<T>,
}

/// [`Slab::live`] of a slab that is being dropped, or was.
const GONE: usize = usize::MAX;

const FREE: &str = "free places have no value";

/// What is linked in a list or named by a live value is live: whoever frees it unlinks it first.
const LIVE: &str = "places that are linked are live";

impl<I: Id, T> Slab<I, T> {
    pub(crate) fn new() -> Self {
        Slab {
            entries: Vec::new(),
            free: Vec::new(),
            live: 0,
            ids: PhantomData,
        }
    }

    #[inline(always)]
    pub(crate) fn insert(&mut self, value: T) -> I {
        self.insert_with(|| value)
    }

    /// Values are large, and are made in their places: this is inlined, nothing can fail once one is made,
    /// and nothing was there.
    #[inline(always)]
    pub(crate) fn insert_with(&mut self, make: impl FnOnce() -> T) -> I {
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.add_place(),
        };
        let entry = &mut self.entries[index as usize];
        assert!(entry.value.is_none(), "{FREE}");
        entry.value = Some(make());
        self.live += 1;
        I::from_raw(entry.id)
    }

    #[inline(never)]
    fn add_place(&mut self) -> u32 {
        let index = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        assert!(index < u32::MAX, "memory ends before 32-bit places do");
        self.entries.push(Entry {
            id: RawId::first(index),
            value: None,
        });
        index
    }

    /// What is attached to a value may, when it is dropped with all of the scheduler, get at that again.
    /// Debug builds notice.
    #[inline]
    fn check_alive(&self) {
        debug_assert!(
            self.live != GONE,
            "a scheduler is used that is being dropped"
        );
    }

    #[inline]
    pub(crate) fn get(&self, id: I) -> Option<&T> {
        self.check_alive();
        let id = id.raw();
        let entry = self.entries.get(id.index())?;
        if entry.id != id {
            return None;
        }
        entry.value.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: I) -> Option<&mut T> {
        self.entry_mut(id)?.value.as_mut()
    }

    /// Two different values.
    #[inline]
    pub(crate) fn get_two_mut(&mut self, first: I, second: I) -> Option<(&mut T, &mut T)> {
        self.get(first)?;
        self.get(second)?;
        let places = [first, second].map(|id| id.raw().index());
        let [first, second] = self.entries.get_disjoint_mut(places).ok()?;
        Some((first.value.as_mut()?, second.value.as_mut()?))
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, id: I) -> Option<T> {
        let value = self.entry_mut(id)?.value.take();
        self.free_place(id);
        value
    }

    /// Drops a value where it is, for values are large; `take` may take of it what is needed still.
    #[inline]
    pub(crate) fn remove_with<R>(&mut self, id: I, take: impl FnOnce(&mut T) -> R) -> Option<R> {
        let value = &mut self.entry_mut(id)?.value;
        let taken = take(value.as_mut()?);
        *value = None;
        self.free_place(id);
        Some(taken)
    }

    /// The entry of a live value.
    #[inline]
    fn entry_mut(&mut self, id: I) -> Option<&mut Entry<T>> {
        self.check_alive();
        let id = id.raw();
        let entry = self.entries.get_mut(id.index())?;
        match entry.id == id {
            true => Some(entry),
            false => None,
        }
    }

    /// The value that had this id is gone.
    #[inline]
    fn free_place(&mut self, id: I) {
        let place = id.raw().place();
        self.live -= 1;
        // A place that has run out of generations is never used again.
        if let Some(next) = id.raw().next() {
            self.entries[place as usize].id = next;
            self.free.push(place);
        }
    }

    /// What is at a place that is known to be live.
    #[inline]
    pub(crate) fn at(&self, index: u32) -> &T {
        self.entries[index as usize].value.as_ref().expect(LIVE)
    }

    /// What is at a place that is known to be live.
    #[inline]
    pub(crate) fn at_mut(&mut self, index: u32) -> &mut T {
        self.entries[index as usize].value.as_mut().expect(LIVE)
    }

    /// The id of who lives at a place now.
    #[inline]
    pub(crate) fn id_at(&self, index: u32) -> I {
        I::from_raw(self.entries[index as usize].id)
    }

    pub(crate) fn len(&self) -> usize {
        self.live
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        self.entries
            .iter()
            .filter_map(|entry| Some((I::from_raw(entry.id), entry.value.as_ref()?)))
    }

    /// The ids of all values that fulfil a condition.
    pub(crate) fn ids_where(&self, condition: impl Fn(&T) -> bool) -> Vec<I> {
        self.iter()
            .filter(|(_, value)| condition(value))
            .map(|(id, _)| id)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Slab;
    use crate::id::{Id, ThreadId};

    #[test]
    fn an_id_that_is_out_of_date_finds_nothing() {
        let mut slab = Slab::<ThreadId, &str>::new();
        let first = slab.insert("first");
        assert_eq!(slab.remove(first), Some("first"));
        let second = slab.insert("second");
        assert_eq!(first.raw().index(), second.raw().index());
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&"second"));
        assert_eq!(slab.len(), 1);
    }

    #[test]
    fn ids_survive_as_numbers() {
        let mut slab = Slab::<ThreadId, u8>::new();
        slab.insert(0);
        let id = slab.insert(1);
        assert_eq!(ThreadId::from_bits(id.to_bits()), Some(id));
        assert_eq!(ThreadId::from_bits(7), None);
    }
}

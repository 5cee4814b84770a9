//! `Table` of the specification: what guests name by an index. Index 0 is nobody's, and the index
//! freed last is given out first.

/// A table of what guests name by indices.
#[derive(Debug)]
pub struct Table<T> {
    slots: Vec<Slot<T>>,
    first_free: u32,
    len: u32,
}

#[derive(Debug)]
enum Slot<T> {
    Used(T),
    /// Free, and the index freed before this one, or 0.
    Free(u32),
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table {
            slots: vec![Slot::Free(0)],
            first_free: 0,
            len: 0,
        }
    }
}

impl<T> Table<T> {
    /// `Table.MAX_LENGTH`: the largest index there can be.
    pub const MAX_LENGTH: u32 = (1 << 28) - 1;

    /// What has the index, if anything does.
    #[inline]
    pub fn get(&self, index: u32) -> Option<&T> {
        match self.slots.get(index as usize) {
            Some(Slot::Used(value)) => Some(value),
            Some(Slot::Free(_)) | None => None,
        }
    }

    /// Gives a value an index; none is left if it answers `None`.
    pub fn add(&mut self, value: T) -> Option<u32> {
        let index = self.first_free;
        if let Some(&Slot::Free(next)) = self.slots.get(index as usize)
            && index != 0
        {
            self.slots[index as usize] = Slot::Used(value);
            self.first_free = next;
            self.len += 1;
            return Some(index);
        }
        let index = u32::try_from(self.slots.len()).ok()?;
        if index > Self::MAX_LENGTH {
            return None;
        }
        self.slots.push(Slot::Used(value));
        self.len += 1;
        Some(index)
    }

    /// Takes away what has the index.
    pub fn remove(&mut self, index: u32) -> Option<T> {
        self.get(index)?;
        let slot = &mut self.slots[index as usize];
        match std::mem::replace(slot, Slot::Free(self.first_free)) {
            Slot::Used(value) => {
                self.first_free = index;
                self.len -= 1;
                Some(value)
            }
            Slot::Free(_) => None,
        }
    }

    /// How many indices are in use.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether no index is in use.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All that has an index, in the order of the indices.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(index, slot)| match slot {
                Slot::Used(value) => Some((index as u32, value)),
                Slot::Free(_) => None,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn indices_begin_at_one_and_the_last_freed_comes_first() {
        let mut table = Table::default();
        let indices: Vec<_> = "abcd".chars().map(|c| table.add(c).unwrap()).collect();
        assert_eq!(indices, [1, 2, 3, 4]);
        assert_eq!(table.remove(2), Some('b'));
        assert_eq!(table.remove(4), Some('d'));
        assert_eq!(table.remove(4), None);
        assert_eq!(table.get(0), None);
        assert_eq!(table.add('e'), Some(4));
        assert_eq!(table.add('f'), Some(2));
        assert_eq!(table.add('g'), Some(5));
        assert_eq!(
            table.iter().map(|(i, _)| i).collect::<Vec<_>>(),
            [1, 2, 3, 4, 5]
        );
        assert_eq!(table.len(), 5);
    }
}

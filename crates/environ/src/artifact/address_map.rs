//! Which code comes from where in the wasm binary.

use super::words::{Words, push};

/// Sorted pairs of code offset and byte offset in the wasm binary, in the making: each pair holds
/// from its code offset up to the next pair's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressMap {
    pairs: Vec<u8>,
    last: Option<[u32; 2]>,
}

/// The same, somewhere in an image.
#[derive(Copy, Clone, Debug)]
pub struct AddressView<'a> {
    pub(super) pairs: &'a [u8],
}

/// Stands for code that comes from no particular place.
const NOWHERE: u32 = u32::MAX;

impl AddressMap {
    /// Adds a range's start; code offsets must come in ascending order. A later push at the same
    /// code offset replaces the earlier one.
    ///
    /// # Panics
    /// If `code` is below the last one.
    pub fn push(&mut self, code: u32, wasm: Option<u32>) {
        let wasm = wasm.unwrap_or(NOWHERE);
        match self.last {
            Some([last, _]) if last == code => {
                self.pairs.truncate(self.pairs.len() - 8);
                let words = Words::of(&self.pairs);
                self.last = words
                    .count::<2>()
                    .checked_sub(1)
                    .and_then(|i| words.record(i));
            }
            Some([last, _]) => assert!(last < code, "code offsets ascend"),
            None => {}
        }
        if self.last.is_none_or(|[_, last]| last != wasm) {
            push(&mut self.pairs, [code, wasm]);
            self.last = Some([code, wasm]);
        }
    }

    /// The map, to be searched.
    pub fn view(&self) -> AddressView<'_> {
        AddressView { pairs: &self.pairs }
    }
}

impl AddressView<'_> {
    /// The byte offset in the wasm binary that the code at `code` was made from.
    pub fn lookup(self, code: u32) -> Option<u32> {
        let (_, [_, wasm]) = Words::of(self.pairs).last_before(|[start, _]| start <= code)?;
        (wasm != NOWHERE).then_some(wasm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_up_to_the_next() {
        let mut map = AddressMap::default();
        map.push(4, Some(100));
        map.push(8, None);
        map.push(12, Some(7));
        assert_eq!(map.view().lookup(3), None);
        assert_eq!(map.view().lookup(7), Some(100));
        assert_eq!(map.view().lookup(9), None);
        assert_eq!(map.view().lookup(1000), Some(7));
    }
}

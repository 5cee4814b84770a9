//! Which code comes from where in the wasm binary.

/// Sorted pairs of code offset and byte offset in the wasm binary: each pair holds from its code
/// offset up to the next pair's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressMap {
    code: Vec<u32>,
    wasm: Vec<u32>,
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
        match self.code.last() {
            Some(&last) if last == code => {
                self.code.pop();
                self.wasm.pop();
            }
            Some(&last) => assert!(last < code, "code offsets ascend"),
            None => {}
        }
        if self.wasm.last() != Some(&wasm) {
            self.code.push(code);
            self.wasm.push(wasm);
        }
    }

    /// The byte offset in the wasm binary that the code at `code` was made from.
    pub fn lookup(&self, code: u32) -> Option<u32> {
        let after = self.code.partition_point(|&start| start <= code);
        let wasm = *self.wasm.get(after.checked_sub(1)?)?;
        (wasm != NOWHERE).then_some(wasm)
    }

    /// All range starts, in ascending order of code offset.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Option<u32>)> {
        self.code
            .iter()
            .zip(&self.wasm)
            .map(|(&code, &wasm)| (code, (wasm != NOWHERE).then_some(wasm)))
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
        assert_eq!(map.lookup(3), None);
        assert_eq!(map.lookup(7), Some(100));
        assert_eq!(map.lookup(9), None);
        assert_eq!(map.lookup(1000), Some(7));
    }
}

//! Which code offsets can trap, and why.

use crate::TrapCode;

/// Sorted pairs of code offset and trap code, kept as two arrays for a compact binary search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrapTable {
    offsets: Vec<u32>,
    codes: Vec<TrapCode>,
}

impl TrapTable {
    /// Adds a trap; offsets must come in ascending order.
    ///
    /// # Panics
    /// If `offset` is not above the last one.
    pub fn push(&mut self, offset: u32, code: TrapCode) {
        assert!(
            self.offsets.last().is_none_or(|&last| last < offset),
            "trap offsets ascend"
        );
        self.offsets.push(offset);
        self.codes.push(code);
    }

    /// The trap code of the instruction at exactly this offset.
    pub fn lookup(&self, offset: u32) -> Option<TrapCode> {
        let i = self.offsets.binary_search(&offset).ok()?;
        self.codes.get(i).copied()
    }

    /// All traps, in ascending order of offset.
    pub fn iter(&self) -> impl Iterator<Item = (u32, TrapCode)> {
        self.offsets.iter().copied().zip(self.codes.iter().copied())
    }
}

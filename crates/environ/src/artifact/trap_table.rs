//! Which code offsets can trap, and why.

use super::words::{Words, push};
use crate::TrapCode;

/// Sorted pairs of code offset and trap code, in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrapTable {
    offsets: Vec<u8>,
    codes: Vec<u8>,
    last: Option<u32>,
}

/// The same, somewhere in an image: two arrays for a compact binary search.
#[derive(Copy, Clone, Debug)]
pub struct TrapView<'a> {
    pub(super) offsets: &'a [u8],
    pub(super) codes: &'a [u8],
}

impl TrapTable {
    /// Adds a trap; offsets must come in ascending order.
    ///
    /// # Panics
    /// If `offset` is not above the last one.
    pub fn push(&mut self, offset: u32, code: TrapCode) {
        let last = self.last.replace(offset);
        assert!(last.is_none_or(|last| last < offset), "trap offsets ascend");
        push(&mut self.offsets, [offset]);
        self.codes.push(code as u8);
    }

    /// The table, to be searched.
    pub fn view(&self) -> TrapView<'_> {
        TrapView {
            offsets: &self.offsets,
            codes: &self.codes,
        }
    }
}

impl TrapView<'_> {
    /// The trap code of the instruction at exactly this offset.
    pub fn lookup(self, offset: u32) -> Option<TrapCode> {
        let offsets = Words::of(self.offsets);
        let i = offsets.partition_point(|[other]| other < offset);
        let code = *self
            .codes
            .get(i)
            .filter(|_| offsets.record(i) == Some([offset]))?;
        TrapCode::from_u8(code)
    }

    /// All traps, in ascending order of offset.
    pub fn iter(self) -> impl Iterator<Item = (u32, TrapCode)> {
        let codes = self.codes.iter();
        let pairs = Words::of(self.offsets).iter().zip(codes);
        pairs.filter_map(|([offset], code)| Some((offset, TrapCode::from_u8(*code)?)))
    }
}

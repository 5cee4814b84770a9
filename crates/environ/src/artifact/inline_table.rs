//! Which code belongs to a call that was compiled into its caller.

use super::FuncKey;
use super::words::{Words, push};

/// A call whose callee's code is part of the caller's.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct InlinedCall {
    /// What is called.
    pub callee: FuncKey,
    /// The byte offset of the call in the wasm binary.
    pub call_site: u32,
    /// The inlined call, by its number, that has this one in it.
    pub parent: Option<u32>,
}

/// Inlined calls, and sorted pairs of code offset and the innermost inlined call there, in the
/// making: each pair holds from its code offset up to the next pair's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InlineTable {
    calls: Vec<u8>,
    ranges: Vec<u8>,
    last: Option<[u32; 2]>,
}

/// The same, somewhere in an image.
#[derive(Copy, Clone, Debug)]
pub struct InlineView<'a> {
    /// `[key…, call site, parent]`; each comes after its parent.
    pub(super) calls: &'a [u8],
    /// `[code offset, call]`.
    pub(super) ranges: &'a [u8],
}

/// Stands for no inlined call.
const NONE: u32 = u32::MAX;

impl InlineTable {
    /// Adds a call and returns its number. Its parent must have been added.
    pub fn push_call(&mut self, call: InlinedCall) -> u32 {
        let number = Words::of(&self.calls).count::<5>() as u32;
        debug_assert!(call.parent.is_none_or(|parent| parent < number));
        let [kind, a, b] = call.callee.to_words();
        let parent = call.parent.unwrap_or(NONE);
        push(&mut self.calls, [kind, a, b, call.call_site, parent]);
        number
    }

    /// Adds a range's start; code offsets must come in ascending order. A later push at the same
    /// code offset replaces the earlier one.
    ///
    /// # Panics
    /// If `code` is below the last one.
    pub fn push(&mut self, code: u32, innermost: Option<u32>) {
        let innermost = innermost.unwrap_or(NONE);
        match self.last {
            Some([last, _]) if last == code => {
                self.ranges.truncate(self.ranges.len() - 8);
                let ranges = Words::of(&self.ranges);
                let before = ranges.count::<2>().checked_sub(1);
                self.last = before.and_then(|index| ranges.record(index));
            }
            Some([last, _]) => assert!(last < code, "code offsets ascend"),
            None => {}
        }
        if self.last.map_or(NONE, |[_, last]| last) != innermost {
            push(&mut self.ranges, [code, innermost]);
            self.last = Some([code, innermost]);
        }
    }

    /// The table, to be searched.
    pub fn view(&self) -> InlineView<'_> {
        InlineView {
            calls: &self.calls,
            ranges: &self.ranges,
        }
    }
}

impl<'a> InlineView<'a> {
    /// The inlined calls that the code at `code` belongs to, innermost first.
    pub fn lookup(self, code: u32) -> impl Iterator<Item = InlinedCall> + use<'a> {
        let range = Words::of(self.ranges).last_before(|[start, _]| start <= code);
        let mut next = range.map_or(NONE, |(_, [_, innermost])| innermost);
        std::iter::from_fn(move || {
            let record = Words::of(self.calls).record::<5>(next as usize)?;
            let [kind, a, b, call_site, parent] = record;
            // Parents come before, whatever the table says: so this ends.
            next = if parent < next { parent } else { NONE };
            Some(InlinedCall {
                callee: FuncKey::from_words([kind, a, b])?,
                call_site,
                parent: (parent != NONE).then_some(parent),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DefinedFuncIndex, StaticModuleIndex};

    #[test]
    fn nested_calls_come_innermost_first() {
        let call = |callee, call_site, parent| InlinedCall {
            callee: FuncKey::Wasm(
                StaticModuleIndex::from_u32(0),
                DefinedFuncIndex::from_u32(callee),
            ),
            call_site,
            parent,
        };
        let mut table = InlineTable::default();
        let outer = table.push_call(call(1, 100, None));
        let inner = table.push_call(call(2, 200, Some(outer)));
        table.push(0, None);
        table.push(8, Some(outer));
        table.push(12, Some(inner));
        table.push(20, None);
        let sites = |code| {
            table
                .view()
                .lookup(code)
                .map(|call| call.call_site)
                .collect()
        };
        let found: [Vec<u32>; 4] = [sites(7), sites(8), sites(19), sites(20)];
        assert_eq!(found, [vec![], vec![100], vec![200, 100], vec![]]);
    }
}

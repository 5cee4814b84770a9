//! Which code belongs to a call that was compiled into its caller.

use super::FuncKey;

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

/// Inlined calls, and sorted pairs of code offset and the innermost inlined call there: each pair
/// holds from its code offset up to the next pair's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InlineTable {
    calls: Vec<InlinedCall>,
    code: Vec<u32>,
    innermost: Vec<u32>,
}

/// Stands for code that belongs to no inlined call.
const NONE: u32 = u32::MAX;

impl InlineTable {
    /// Adds a call and returns its number. Its parent must have been added.
    pub fn push_call(&mut self, call: InlinedCall) -> u32 {
        debug_assert!(
            call.parent
                .is_none_or(|parent| (parent as usize) < self.calls.len())
        );
        self.calls.push(call);
        (self.calls.len() - 1) as u32
    }

    /// Adds a range's start; code offsets must come in ascending order. A later push at the same
    /// code offset replaces the earlier one.
    ///
    /// # Panics
    /// If `code` is below the last one.
    pub fn push(&mut self, code: u32, innermost: Option<u32>) {
        let innermost = innermost.unwrap_or(NONE);
        match self.code.last() {
            Some(&last) if last == code => {
                self.code.pop();
                self.innermost.pop();
            }
            Some(&last) => assert!(last < code, "code offsets ascend"),
            None => {}
        }
        if self.innermost.last().copied().unwrap_or(NONE) != innermost {
            self.code.push(code);
            self.innermost.push(innermost);
        }
    }

    /// The inlined calls that the code at `code` belongs to, innermost first.
    pub fn lookup(&self, code: u32) -> impl Iterator<Item = &InlinedCall> {
        let after = self.code.partition_point(|&start| start <= code);
        let innermost = after.checked_sub(1).map(|index| self.innermost[index]);
        let call = |number: u32| self.calls.get(number as usize);
        let first = innermost.and_then(call);
        std::iter::successors(first, move |inner| inner.parent.and_then(call))
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
        let sites = |code| table.lookup(code).map(|call| call.call_site).collect();
        let found: [Vec<u32>; 4] = [sites(7), sites(8), sites(19), sites(20)];
        assert_eq!(found, [vec![], vec![100], vec![200, 100], vec![]]);
    }
}

//! Which calls have handlers for exceptions, and where these are.
//!
//! Nothing in the code speaks of exceptions on the way that is taken when none is thrown. Who
//! looks for a handler goes over the frames of a stack and asks this table about each return
//! address.

use crate::index::TagIndex;
use std::ops::Range;

/// The handlers of an image's calls, by the calls' return addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExceptionTable {
    /// By ascending return address.
    sites: Vec<Site>,
    /// Of all sites, in order.
    handlers: Vec<Handler>,
    /// Parts of the text that no exception may leave, ascending: the functions of adapters.
    barriers: Vec<Range<u32>>,
}

/// A call as the table keeps it; its handlers end where the next call's begin.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Site {
    return_address: u32,
    frame_size: u32,
    first_handler: u32,
}

/// A call that has handlers.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct CallSite<'a> {
    /// Bytes from the stack pointer as it is after the call up to the frame pointer.
    pub frame_size: u32,
    /// Its handlers, in the order in which they are to be tried.
    pub handlers: &'a [Handler],
}

/// A place that exceptions of some kind continue at.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// Which exceptions.
    pub clause: CatchClause,
    /// Where in the text. It expects the stack and frame pointer of its frame, a reference to
    /// the exception as the first payload and the address of its values as the second.
    pub target: u32,
    /// Whether what is there keeps the reference (`catch_ref`, `catch_all_ref`).
    pub by_reference: bool,
}

/// What a handler catches.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum CatchClause {
    /// Exceptions with a tag of the function's module; the function's `VMContext`, by which one
    /// knows the instance, is so many bytes above the stack pointer after the call.
    Tag(TagIndex, u32),
    /// All exceptions.
    All,
}

impl ExceptionTable {
    /// Adds a call; return addresses must come in ascending order.
    ///
    /// # Panics
    /// If `return_address` is not above the last one.
    pub fn push(
        &mut self,
        return_address: u32,
        frame_size: u32,
        handlers: impl IntoIterator<Item = Handler>,
    ) {
        let last = self.sites.last();
        assert!(
            last.is_none_or(|last| last.return_address < return_address),
            "return addresses ascend"
        );
        self.sites.push(Site {
            return_address,
            frame_size,
            first_handler: self.handlers.len() as u32,
        });
        self.handlers.extend(handlers);
    }

    /// Adds a part of the text that no exception may leave; parts must come in ascending order.
    ///
    /// # Panics
    /// If `range` starts before the last one ends.
    pub fn push_barrier(&mut self, range: Range<u32>) {
        let last = self.barriers.last();
        assert!(
            last.is_none_or(|last| last.end <= range.start),
            "barriers ascend"
        );
        self.barriers.push(range);
    }

    /// The call that returns to exactly this offset, if it has handlers.
    pub fn lookup(&self, return_address: u32) -> Option<CallSite<'_>> {
        let found = self
            .sites
            .binary_search_by_key(&return_address, |site| site.return_address);
        let i = found.ok()?;
        let site = self.sites.get(i)?;
        let end = match self.sites.get(i + 1) {
            Some(next) => next.first_handler as usize,
            None => self.handlers.len(),
        };
        Some(CallSite {
            frame_size: site.frame_size,
            handlers: self.handlers.get(site.first_handler as usize..end)?,
        })
    }

    /// Whether no exception may leave the frame that a call returns to at this offset.
    pub fn is_barrier(&self, return_address: u32) -> bool {
        // A call that doesn't return may be the last instruction of a function.
        let offset = return_address.saturating_sub(1);
        let after = self.barriers.partition_point(|b| b.start <= offset);
        let before = after.checked_sub(1).and_then(|i| self.barriers.get(i));
        before.is_some_and(|barrier| barrier.contains(&offset))
    }

    /// All calls with their return addresses, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, CallSite<'_>)> {
        let addresses = self.sites.iter().map(|site| site.return_address);
        addresses.filter_map(|address| Some((address, self.lookup(address)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handler(target: u32) -> Handler {
        Handler {
            clause: CatchClause::All,
            target,
            by_reference: false,
        }
    }

    #[test]
    fn a_call_has_its_own_handlers_and_no_others() {
        let mut table = ExceptionTable::default();
        table.push(4, 16, [handler(100)]);
        table.push(9, 32, [handler(101), handler(102)]);
        let targets = |at| -> Option<Vec<u32>> {
            let site = table.lookup(at)?;
            Some(site.handlers.iter().map(|h| h.target).collect())
        };
        assert_eq!(targets(4), Some(vec![100]));
        assert_eq!(targets(9), Some(vec![101, 102]));
        assert_eq!(targets(5), None);
        assert_eq!(table.lookup(9).map(|site| site.frame_size), Some(32));
        assert_eq!(table.iter().count(), 2);
    }

    #[test]
    fn a_barrier_holds_for_calls_inside_it() {
        let mut table = ExceptionTable::default();
        table.push_barrier(16..32);
        table.push_barrier(64..80);
        for inside in [17, 32, 65, 80] {
            assert!(table.is_barrier(inside), "{inside}");
        }
        for outside in [0, 16, 33, 64, 81] {
            assert!(!table.is_barrier(outside), "{outside}");
        }
    }
}

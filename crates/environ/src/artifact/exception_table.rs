//! Which calls have handlers for exceptions, and where these are.
//!
//! Nothing in the code speaks of exceptions on the way that is taken when none is thrown. Who
//! looks for a handler goes over the frames of a stack and asks this table about each return
//! address.

use super::words::{Words, push};
use crate::index::TagIndex;
use std::ops::Range;

/// The handlers of an image's calls, by the calls' return addresses, in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExceptionTable {
    /// `[return address, size of the frame, first handler]`, by ascending return address. Its
    /// handlers end where the next call's begin.
    sites: Vec<u8>,
    /// `[kind, tag, context, target]`, of all sites, in order.
    handlers: Vec<u8>,
    /// `[start, end]` of parts of the text that no exception may leave, ascending: the functions
    /// of adapters.
    barriers: Vec<u8>,
    last_site: Option<u32>,
    last_barrier: Option<u32>,
}

/// The same, somewhere in an image.
#[derive(Copy, Clone, Debug)]
pub struct ExceptionView<'a> {
    pub(super) sites: &'a [u8],
    pub(super) handlers: &'a [u8],
    pub(super) barriers: &'a [u8],
}

/// A call that has handlers.
#[derive(Clone, Debug)]
pub struct CallSite<'a> {
    /// Bytes from the stack pointer as it is after the call up to the frame pointer.
    pub frame_size: u32,
    table: Words<'a>,
    range: Range<usize>,
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

/// In a handler's kind: it catches all exceptions.
const KIND_ALL: u32 = 1;
/// In a handler's kind: it keeps the reference.
const KIND_BY_REFERENCE: u32 = 2;

impl Handler {
    fn to_record(self) -> [u32; 4] {
        let (kind, tag, context) = match self.clause {
            CatchClause::Tag(tag, context) => (0, tag.as_u32(), context),
            CatchClause::All => (KIND_ALL, 0, 0),
        };
        let by_reference = if self.by_reference {
            KIND_BY_REFERENCE
        } else {
            0
        };
        [kind | by_reference, tag, context, self.target]
    }

    fn from_record([kind, tag, context, target]: [u32; 4]) -> Handler {
        Handler {
            clause: if kind & KIND_ALL != 0 {
                CatchClause::All
            } else {
                CatchClause::Tag(TagIndex::from_u32(tag), context)
            },
            target,
            by_reference: kind & KIND_BY_REFERENCE != 0,
        }
    }
}

impl CallSite<'_> {
    /// Its handlers, in the order in which they are to be tried.
    pub fn handlers(&self) -> impl Iterator<Item = Handler> {
        let records = self.range.clone();
        records.filter_map(|i| Some(Handler::from_record(self.table.record(i)?)))
    }
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
        let last = self.last_site.replace(return_address);
        assert!(
            last.is_none_or(|last| last < return_address),
            "return addresses ascend"
        );
        let first = Words::of(&self.handlers).count::<4>() as u32;
        push(&mut self.sites, [return_address, frame_size, first]);
        for handler in handlers {
            push(&mut self.handlers, handler.to_record());
        }
    }

    /// Adds a part of the text that no exception may leave; parts must come in ascending order.
    ///
    /// # Panics
    /// If `range` starts before the last one ends.
    pub fn push_barrier(&mut self, range: Range<u32>) {
        let last = self.last_barrier.replace(range.end);
        assert!(
            last.is_none_or(|last| last <= range.start),
            "barriers ascend"
        );
        push(&mut self.barriers, [range.start, range.end]);
    }

    /// The table, to be searched.
    pub fn view(&self) -> ExceptionView<'_> {
        ExceptionView {
            sites: &self.sites,
            handlers: &self.handlers,
            barriers: &self.barriers,
        }
    }
}

impl<'a> ExceptionView<'a> {
    /// The call that returns to exactly this offset, if it has handlers.
    pub fn lookup(self, return_address: u32) -> Option<CallSite<'a>> {
        let sites = Words::of(self.sites);
        let number = sites.partition_point(|[other, ..]: [u32; 3]| other < return_address);
        let (address, site) = self.site(number)?;
        (address == return_address).then_some(site)
    }

    /// A call by its number, with its return address.
    fn site(self, number: usize) -> Option<(u32, CallSite<'a>)> {
        let (sites, table) = (Words::of(self.sites), Words::of(self.handlers));
        let [address, frame_size, first] = sites.record(number)?;
        let end = match sites.record::<3>(number + 1) {
            Some([_, _, next]) => next as usize,
            None => table.count::<4>(),
        };
        let site = CallSite {
            frame_size,
            table,
            range: first as usize..end,
        };
        Some((address, site))
    }

    /// Whether no exception may leave the frame that a call returns to at this offset.
    pub fn is_barrier(self, return_address: u32) -> bool {
        // A call that doesn't return may be the last instruction of a function.
        let offset = return_address.saturating_sub(1);
        let before = Words::of(self.barriers).last_before(|[start, _]| start <= offset);
        before.is_some_and(|(_, [start, end])| (start..end).contains(&offset))
    }

    /// All calls with their return addresses, in ascending order.
    pub fn iter(self) -> impl Iterator<Item = (u32, CallSite<'a>)> {
        (0..Words::of(self.sites).count::<3>()).filter_map(move |number| self.site(number))
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
            let site = table.view().lookup(at)?;
            Some(site.handlers().map(|h| h.target).collect())
        };
        assert_eq!(targets(4), Some(vec![100]));
        assert_eq!(targets(9), Some(vec![101, 102]));
        assert_eq!(targets(5), None);
        assert_eq!(table.view().lookup(9).map(|site| site.frame_size), Some(32));
        assert_eq!(table.view().iter().count(), 2);
    }

    #[test]
    fn a_barrier_holds_for_calls_inside_it() {
        let mut table = ExceptionTable::default();
        table.push_barrier(16..32);
        table.push_barrier(64..80);
        for inside in [17, 32, 65, 80] {
            assert!(table.view().is_barrier(inside), "{inside}");
        }
        for outside in [0, 16, 33, 64, 81] {
            assert!(!table.view().is_barrier(outside), "{outside}");
        }
    }
}

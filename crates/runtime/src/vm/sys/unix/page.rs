//! The size of a page of memory.

/// Bytes in a page of this system, a power of two.
pub(crate) fn page_size() -> usize {
    rustix::param::page_size()
}

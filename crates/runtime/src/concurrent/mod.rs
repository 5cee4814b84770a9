//! Guest threads and what runs them.

pub(crate) mod switch;

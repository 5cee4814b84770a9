//! What `UnsafeIntrinsic`s compile to.
//!
//! A file per noun, as in the runtime's folder of the same name, which holds the host's half.

mod context;

pub(crate) use context::{Site, define_intrinsic, emit};

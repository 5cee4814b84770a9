//! Derived types and bindings from WIT, against guests made from the same WIT.
#![cfg(feature = "component-macro")]
#![deny(warnings, missing_docs)]
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod compiles;
mod concurrent;
mod derive;
mod guest;
mod replaced;
mod resources;
mod streams;
mod values;
mod versions;

//! Parses and validates WebAssembly modules and components into plain data.
//!
//! This crate knows wasm binaries, the layouts that compiled code and the runtime share
//! ([`layout`]), the canonical ABI's pure functions, and the vocabulary of the code generator's
//! output ([`artifact`]). It knows nothing of Cranelift, of the operating system, or of a
//! running store.
//!
//! The way in is [`Translation::parse`].

#![forbid(unsafe_code)]

mod adapter;
pub mod artifact;
mod builtin;
pub mod canonical_abi;
pub mod component;
mod error;
mod features;
mod index;
mod intrinsic;
pub mod layout;
mod live_signatures;
pub mod module;
mod section_count;
mod serial;
mod signature_table;
mod translation;
mod trap_code;
mod tunables;
pub mod types;

pub use builtin::{BUILTIN_FAILED, BuiltinIndex, BuiltinResult, BuiltinType};
pub use cranelift_entity as entity;
pub use error::{Error, Result, shorten};
pub use features::{Features, Proposal};
pub use index::*;
pub use intrinsic::{CONTEXT_SLOTS, SlotType, UnsafeIntrinsic};
pub use live_signatures::{LiveSignatures, OutOfNumbers};
pub use signature_table::{SignatureTable, SubType};
pub use translation::Translation;
pub use trap_code::TrapCode;
pub use tunables::{ContextLowering, Tunables};
pub use types::*;

//! Runs `.wast` scripts against Threadline's embedding API.
//!
//! A script is a list of *directives*: make this module, call that export and expect this
//! result, expect that module to be refused. [`WastRunner`] runs them in order, counts every
//! one, and goes on after one that fails; a [`Report`] says how many passed and where the
//! others are. Core modules and components may be mixed in a script, and share one store.
//!
//! The crate uses nothing but the public API, so what passes here passes for an embedder.
//!
//! Beside the runner are the two small file formats of our test suites: the TOML header at the
//! top of a test ([`test_header`]) and the list of expected failures ([`Xfail`]). Finding the
//! files is the callers' job.

#![forbid(unsafe_code)]

mod component_value;
mod core_value;
mod outcome;
mod report;
mod runner;
mod script;
mod spectest;
pub mod test_header;
mod thread;
mod wording;
mod xfail;

pub use report::{Failure, Report};
pub use runner::WastRunner;
pub use xfail::{Xfail, XfailError};

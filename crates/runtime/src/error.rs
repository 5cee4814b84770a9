//! What can be wrong between a module and what it is given.
//!
//! Errors travel as [`anyhow::Error`]; those an embedder may want to tell apart are types that
//! it can downcast to: [`LinkError`] here, [`Trap`](crate::Trap), and
//! [`threadline_environ::Error`] for binaries that are refused.

use crate::types::ExternType;
use std::fmt;

/// Why a module could not be linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// An import has no definition.
    UnknownImport {
        /// The import's first name.
        module: String,
        /// The import's second name.
        name: String,
    },
    /// An import's definition has another type.
    IncompatibleImport {
        /// The import's first name.
        module: String,
        /// The import's second name.
        name: String,
        /// What the module asks for.
        expected: Box<ExternType>,
        /// What it was given.
        found: Box<ExternType>,
    },
    /// There are more or fewer definitions than imports.
    ImportCount {
        /// How many imports the module has.
        expected: usize,
        /// How many definitions it was given.
        found: usize,
    },
    /// A name is defined twice.
    DefinedTwice {
        /// The first name.
        module: String,
        /// The second name.
        name: String,
    },
    /// Something belongs to another store than the one it is used with.
    WrongStore {
        /// What it is.
        what: &'static str,
    },
    /// Something belongs to another engine than the one it is used with.
    WrongEngine {
        /// What it is.
        what: &'static str,
    },
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::UnknownImport { module, name } => {
                write!(f, "unknown import: `{module}::{name}` has not been defined")
            }
            LinkError::IncompatibleImport {
                module,
                name,
                expected,
                found,
            } => write!(
                f,
                "incompatible import type for `{module}::{name}`: expected {expected}, found {found}"
            ),
            LinkError::ImportCount { expected, found } => {
                write!(
                    f,
                    "the module has {expected} imports, but {found} were given"
                )
            }
            LinkError::DefinedTwice { module, name } => {
                write!(f, "`{module}::{name}` is defined already")
            }
            LinkError::WrongStore { what } => {
                write!(f, "the {what} belongs to another store")
            }
            LinkError::WrongEngine { what } => {
                write!(f, "the {what} belongs to another engine")
            }
        }
    }
}

impl std::error::Error for LinkError {}

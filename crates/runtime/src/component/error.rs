//! What can be wrong between a component, its imports and who calls it.
//!
//! Errors travel as [`anyhow::Error`]; an embedder can downcast to [`ComponentError`].

use crate::canonical_abi::TypeMismatch;
use std::fmt;

/// Why a component could not be linked, or a function not called.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ComponentError {
    /// The linker has no definition for an import.
    MissingImport {
        /// What the component imports: `function` or `instance`.
        kind: &'static str,
        /// The import's name, after those of the instances it is in.
        path: Vec<String>,
    },
    /// The linker's definition for an import is of another kind.
    WrongKind {
        /// The import's name, after those of the instances it is in.
        path: Vec<String>,
        /// What the component imports.
        expected: &'static str,
        /// What the linker has.
        found: &'static str,
    },
    /// The linker's function for an import has another type.
    WrongType {
        /// The import's name, after those of the instances it is in.
        path: Vec<String>,
        /// The type that the component imports.
        expected: String,
        /// How the linker's function differs.
        mismatch: String,
    },
    /// The linker's core module for an import has another type.
    WrongModule {
        /// The import's name, after those of the instances it is in.
        path: Vec<String>,
        /// Which import or export of the module differs, what was expected and what found.
        mismatch: String,
    },
    /// The linker's component for an import has another type.
    WrongComponent {
        /// The import's name, after those of the instances it is in.
        path: Vec<String>,
        /// Which import or export of the component differs, what was expected and what found.
        mismatch: String,
    },
    /// Two imports are of one resource type, but the linker's definitions differ.
    WrongResource {
        /// The name of the second, after those of the instances it is in.
        path: Vec<String>,
        /// The type that the first one was found to be.
        expected: String,
        /// What the linker has for the second.
        found: String,
    },
    /// The linker has something with this name already.
    DefinedTwice {
        /// The name, after those of the instances it is in.
        path: Vec<String>,
    },
    /// A function was asked for as another type than it has.
    FuncType {
        /// The function's type.
        expected: String,
        /// Whether the parameters or the result are at fault.
        part: &'static str,
        /// How they differ.
        mismatch: String,
    },
    /// A value has another type than the function has there.
    Value {
        /// Which value, for people.
        which: String,
        /// How it differs.
        mismatch: String,
    },
    /// There are more or fewer values than the function has.
    ValueCount {
        /// `parameters` or `results`.
        what: &'static str,
        /// How many the function has.
        expected: usize,
        /// How many there are.
        found: usize,
    },
}

impl ComponentError {
    pub(super) fn func_type(
        expected: impl fmt::Display,
        part: &'static str,
        mismatch: &TypeMismatch,
    ) -> ComponentError {
        ComponentError::FuncType {
            expected: expected.to_string(),
            part,
            mismatch: mismatch.to_string(),
        }
    }

    pub(super) fn value(which: String, mismatch: &impl fmt::Display) -> ComponentError {
        ComponentError::Value {
            which,
            mismatch: mismatch.to_string(),
        }
    }
}

/// Names from the outside to the inside, as people write them.
fn path(names: &[String]) -> String {
    names.join("#")
}

impl fmt::Display for ComponentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ComponentError::MissingImport { kind, path: names } => write!(
                f,
                "the component imports the {kind} `{}`, which the linker does not define",
                path(names)
            ),
            ComponentError::WrongKind {
                path: names,
                expected,
                found,
            } => write!(
                f,
                "the component imports `{}` as {expected}, but the linker defines it as {found}",
                path(names)
            ),
            ComponentError::WrongType {
                path: names,
                expected,
                mismatch,
            } => write!(
                f,
                "the component imports `{}` as `{expected}`, which the linker's function does \
                 not fit: {mismatch}",
                path(names)
            ),
            ComponentError::WrongModule {
                path: names,
                mismatch,
            } => write!(
                f,
                "the component imports `{}` as a core module, which the linker's does not fit: \
                 {mismatch}",
                path(names)
            ),
            ComponentError::WrongComponent {
                path: names,
                mismatch,
            } => write!(
                f,
                "the component imports `{}` as a component, which the linker's does not fit: \
                 {mismatch}",
                path(names)
            ),
            ComponentError::WrongResource {
                path: names,
                expected,
                found,
            } => write!(
                f,
                "the component imports `{}` as a resource type that is `{expected}` elsewhere \
                 among its imports, but the linker defines it as `{found}`",
                path(names)
            ),
            ComponentError::DefinedTwice { path: names } => write!(
                f,
                "the linker defines `{}` already; `allow_shadowing` permits to replace it",
                path(names)
            ),
            ComponentError::FuncType {
                expected,
                part,
                mismatch,
            } => write!(f, "the {part} of `{expected}` differ: {mismatch}"),
            ComponentError::Value { which, mismatch } => write!(f, "{which}: {mismatch}"),
            ComponentError::ValueCount {
                what,
                expected,
                found,
            } => write!(
                f,
                "the function has {expected} {what}, but {found} were given"
            ),
        }
    }
}

impl std::error::Error for ComponentError {}

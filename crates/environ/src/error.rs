//! What is wrong with an input, and where.
//!
//! Input is either broken ([`Error::Invalid`]), beyond what is built so far
//! ([`Error::Unsupported`], which always names the feature), beyond what is allowed
//! ([`Error::Disabled`]) or larger than we are willing to handle ([`Error::TooLarge`]).

use crate::Proposal;
use std::fmt;

/// The result of looking at an input.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a wasm binary was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The binary is malformed or fails validation.
    Invalid {
        /// What is wrong.
        message: String,
        /// The byte offset in the binary.
        offset: u64,
    },
    /// The binary is well-formed but needs something that is not built yet.
    Unsupported {
        /// The proposal, built-in or type, by the name the specification gives it.
        feature: String,
        /// The byte offset in the binary.
        offset: u64,
    },
    /// The binary needs a proposal that is switched off.
    Disabled {
        /// The proposal.
        proposal: Proposal,
        /// What is wrong without it.
        message: String,
        /// The byte offset in the binary.
        offset: u64,
    },
    /// The binary passes a limit of this implementation.
    TooLarge {
        /// What there is too much of, with the limit.
        message: String,
    },
}

impl Error {
    /// A refusal that names the feature that is not built yet.
    pub fn unsupported(feature: impl Into<String>, offset: u64) -> Error {
        Error::Unsupported {
            feature: feature.into(),
            offset,
        }
    }

    /// A refusal that names the proposal that is not built yet.
    pub(crate) fn unbuilt(proposal: Proposal, offset: u64) -> Error {
        Error::unsupported(format!("the {proposal} proposal"), offset)
    }

    /// A refusal of a broken input.
    pub fn invalid(message: impl Into<String>, offset: u64) -> Error {
        Error::Invalid {
            message: message.into(),
            offset,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Invalid { message, offset } => write!(f, "{message} (at offset {offset:#x})"),
            Error::Unsupported { feature, offset } => {
                write!(f, "{feature} is not supported yet (at offset {offset:#x})")
            }
            Error::Disabled {
                proposal,
                message,
                offset,
            } => write!(
                f,
                "the {proposal} proposal is switched off: {message} (at offset {offset:#x})"
            ),
            Error::TooLarge { message } => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

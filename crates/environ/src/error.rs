//! What is wrong with an input, and where.
//!
//! Input is either broken ([`Error::Invalid`]), beyond what is built so far
//! ([`Error::Unsupported`], which always names the feature), beyond what is allowed
//! ([`Error::Disabled`]) or larger than we are willing to handle ([`Error::TooLarge`]).

use crate::Proposal;
use std::borrow::Cow;
use std::fmt;

/// The most bytes of a message. It may quote names of the input, each as long as the input.
const MAX_MESSAGE: usize = 1_000;

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
            Error::Invalid { message, offset } => {
                let message = shorten(message, MAX_MESSAGE);
                write!(f, "{message} (at offset {offset:#x})")
            }
            Error::Unsupported { feature, offset } => {
                let feature = shorten(feature, MAX_MESSAGE);
                write!(f, "{feature} is not supported yet (at offset {offset:#x})")
            }
            Error::Disabled {
                proposal,
                message,
                offset,
            } => write!(
                f,
                "the {proposal} proposal is switched off: {} (at offset {offset:#x})",
                shorten(message, MAX_MESSAGE)
            ),
            Error::TooLarge { message } => f.write_str(&shorten(message, MAX_MESSAGE)),
        }
    }
}

impl std::error::Error for Error {}

/// Takes what is beyond `max` bytes out of the middle of a text, so that the names in it don't make
/// it as long as a guest likes.
pub fn shorten(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return text.into();
    }
    let tail = max / 4;
    let start = text.floor_char_boundary(max - tail);
    let end = text.ceil_char_boundary(text.len() - tail);
    format!("{}…{}", &text[..start], &text[end..]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_a_bounded_size_whatever_it_quotes() {
        for name in ["x".repeat(1 << 20), "ü€𝄞".repeat(1 << 16)] {
            let errors = [
                Error::invalid(format!("unknown export `{name}` in `b`"), 7),
                Error::unsupported(name.clone(), 7),
                Error::TooLarge { message: name },
            ];
            for error in errors {
                assert!(error.to_string().len() < MAX_MESSAGE + 100);
            }
        }
    }

    #[test]
    fn both_ends_of_a_long_text_are_kept() {
        let long = format!("start {} end", "x".repeat(5000));
        let short = shorten(&long, 100);
        assert!(
            short.starts_with("start xxx") && short.ends_with("xxx end"),
            "{short}"
        );
        assert!(short.len() <= 103);
        assert_eq!(shorten("as it is", 8), "as it is");
        assert_eq!(shorten("€€€€€€", 16), "€€€€…€");
    }
}

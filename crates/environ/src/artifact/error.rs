//! Why an image is refused.

use std::fmt;

/// Why an image can't be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageError {
    /// The bytes are something else.
    NotAnImage,
    /// Another version of Threadline made it.
    Version {
        /// Which, as far as can be told.
        found: String,
    },
    /// Its end is missing, or there is more than its end.
    Length {
        /// How long it says it is.
        expected: u64,
        /// How long it is.
        found: u64,
    },
    /// Bytes have changed since it was made.
    Damaged {
        /// In which part.
        part: &'static str,
    },
    /// It was compiled with options, or for a machine, that this engine is not for.
    Setting {
        /// What differs.
        name: String,
        /// The image's value.
        image: String,
        /// The engine's value.
        engine: String,
    },
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImageError::NotAnImage => f.write_str(
                "this is no precompiled image: make one with `threadline compile`, or use the \
                 WebAssembly binary",
            ),
            ImageError::Version { found } => write!(
                f,
                "the image was made by Threadline {found}, and this is {}: compile it again",
                super::VERSION
            ),
            ImageError::Length { expected, found } if found < expected => write!(
                f,
                "the image is cut off: it has {found} bytes of {expected}"
            ),
            ImageError::Length { expected, found } => write!(
                f,
                "the image is damaged: it has {found} bytes instead of {expected}"
            ),
            ImageError::Damaged { part } => {
                write!(
                    f,
                    "the image is damaged: the checksum of its {part} is wrong"
                )
            }
            ImageError::Setting {
                name,
                image,
                engine,
            } => write!(
                f,
                "the image was compiled with `{name}: {image}`, and this engine has `{engine}`: \
                 compile it again, or configure the engine likewise"
            ),
        }
    }
}

impl std::error::Error for ImageError {}

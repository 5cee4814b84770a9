//! Our own mistakes, as errors.
//!
//! What "can't happen" but can't be proven not to is answered with [`bail_bug!`]: it ends the
//! guest with an error that says whose fault it is, and spares the host.

use std::fmt;

/// A mistake in the runtime itself, found while a guest ran.
#[derive(Debug)]
pub struct Bug {
    message: String,
    place: &'static str,
}

impl Bug {
    /// A bug found at `place`, a source file and line.
    pub(crate) fn new(message: String, place: &'static str) -> Bug {
        Bug { message, place }
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "bug in the runtime, not in the guest: {} ({})",
            self.message, self.place
        )
    }
}

impl std::error::Error for Bug {}

/// Makes a [`Bug`] from a format string.
macro_rules! bug {
    ($($message:tt)*) => {
        $crate::bug::Bug::new(format!($($message)*), concat!(file!(), ":", line!()))
    };
}

/// Returns an `Err` that holds a [`Bug`], whatever the error type is made of.
macro_rules! bail_bug {
    ($($message:tt)*) => {
        return Err($crate::bug::bug!($($message)*).into())
    };
}

#[allow(unused_imports, reason = "not every build has a use for both")]
pub(crate) use {bail_bug, bug};

//! What one binary may become.
//!
//! Some operators are a few bytes and become thousands of instructions and values: a call of a type
//! with a thousand parameters, or a `br_table` that passes values. Each function has limits of its
//! own (`wasm/function.rs`); this one is for a binary as a whole, so that what it takes to compile
//! it is in proportion to its size, but for a constant. Adapters between components count, for they
//! too are written for the binary.

use std::sync::atomic::{AtomicU64, Ordering};
use threadline_environ::Error;

/// Units for each byte of a binary. Compilers' output takes about one, and a few with fuel and bounds checks.
const UNITS_PER_BYTE: u64 = 16;

/// How much a binary may become: instructions, values and operands of intermediate code.
#[derive(Debug)]
pub struct Budget {
    limit: u64,
    spent: AtomicU64,
}

impl Budget {
    /// Allows a number of units, and for each byte of a binary of so many bytes 16 more.
    pub fn new(units: u64, bytes: usize) -> Budget {
        Budget {
            limit: units.saturating_add(UNITS_PER_BYTE.saturating_mul(bytes as u64)),
            spent: AtomicU64::new(0),
        }
    }

    /// Allows anything.
    pub fn unlimited() -> Budget {
        Budget::new(u64::MAX, 0)
    }

    /// The same as before anything was spent.
    pub(crate) fn renewed(&self) -> Budget {
        Budget::new(self.limit, 0)
    }

    /// Takes a number of units, and says whether there were as many left.
    pub(crate) fn spend(&self, units: u64) -> bool {
        self.spent
            .fetch_add(units, Ordering::Relaxed)
            .saturating_add(units)
            <= self.limit
    }

    /// Whether more has been asked for than there was.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.spent.load(Ordering::Relaxed) > self.limit
    }

    /// The refusal of a binary that needs more.
    pub(crate) fn error(&self) -> Error {
        Error::TooLarge {
            message: format!(
                "the code becomes more than {} instructions, values and operands: \
                 `Config::max_expansion` allows for more",
                self.limit
            ),
        }
    }
}

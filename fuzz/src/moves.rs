//! Moves of guests: threads, calls, sets, streams and futures, with indices that are right, wrong or another's, at
//! any time.
//!
//! The guests are those of `tests/async_programs`, which ask the host what to do next. Here the host answers by the
//! input, not by a program.

#[allow(dead_code, reason = "moves need little of it")]
#[path = "../../tests/async_programs/component.rs"]
mod component;

use crate::program::Lift;

/// Moves at most, after which every thread leaves.
const MOVES: usize = 400;
/// The answer by which a function ends.
const LEAVE: u64 = 255;
/// The first answer that is a call.
const CALLS: u64 = 128;

/// The component of the guests, as text. It imports one function, `next`.
pub fn component() -> String {
    component::text()
}

/// The name of a function that guests export: `number` is any.
pub fn export(number: u8) -> String {
    let lifts = [Lift::Sync, Lift::Exclusive, Lift::Stackful, Lift::Callback];
    let instance = usize::from(number / 4) % component::INSTANCES;
    component::export(instance, lifts[usize::from(number % 4)])
}

/// The input, as far as it has not been used, and what guests have told.
#[derive(Default)]
pub struct Moves {
    bytes: Vec<u8>,
    at: usize,
    moves: usize,
    /// Numbers that guests found last, which are indices often.
    found: Vec<u32>,
    steps: u64,
}

impl Moves {
    /// Moves from an input.
    pub fn new(bytes: &[u8]) -> Moves {
        Moves {
            bytes: bytes.to_vec(),
            steps: component::numbers().len() as u64,
            ..Moves::default()
        }
    }

    /// The next byte, or 0 when there are no more.
    pub fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        byte
    }

    /// A number below `bound`, or 0 when there are no more bytes.
    pub fn below(&mut self, bound: u8) -> u8 {
        self.byte() % bound
    }

    /// Whether there are no more bytes.
    pub fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// What a guest's thread is to do that has found something.
    pub fn next(&mut self, found: [u32; 3]) -> u64 {
        self.moves += 1;
        self.found.extend(found.iter().filter(|&&found| found != 0));
        let old = self.found.len().saturating_sub(12);
        self.found.drain(..old);
        if self.is_empty() || self.moves > MOVES {
            return LEAVE;
        }
        let kind = self.byte();
        let number = match kind {
            0..=23 => return LEAVE | u64::from(self.below(4)) << 32 | self.leave_with() << 8,
            // Functions of later instances: two for each.
            24..=63 => CALLS + u64::from(self.byte()) % 24,
            _ => u64::from(self.byte()) % self.steps,
        };
        let (a, b) = (self.operand(), self.operand());
        number | u64::from(a & 0xFF_FFFF) << 8 | u64::from(b) << 32
    }

    /// What goes along with the end of a function: an end or none; or the set that a callback waits for.
    fn leave_with(&mut self) -> u64 {
        match self.below(2) {
            0 => 0,
            _ => u64::from(self.operand() & 0xFFFF),
        }
    }

    fn operand(&mut self) -> u32 {
        let kind = self.byte();
        match kind {
            0..=150 if !self.found.is_empty() => {
                let at = usize::from(kind) % self.found.len();
                self.found[self.found.len() - 1 - at]
            }
            0..=220 => u32::from(kind % 8),
            221..=240 => u32::from(self.byte()),
            _ => u32::MAX >> (kind % 32),
        }
    }
}

//! Types as text of a bounded length.
//!
//! A type is a graph: a part is written wherever it is mentioned, and so are its names, which are a
//! component's own. Written out in full, a type of some kilobytes could take any memory.

use super::Type;
use crate::vm::StackFloor;
use std::fmt::{self, Write};

/// Bytes that a type takes as text at most; what is beyond is an ellipsis.
const MOST: usize = 64 << 10;

/// What stands for what is left out.
const ELLIPSIS: &str = "…";

/// Where a type is written to.
pub(super) struct Text<'a> {
    to: &'a mut dyn Write,
    /// Bytes that may still be written.
    left: usize,
    /// Whether there is no more room.
    is_full: bool,
    /// How far down the stack may be used.
    stack: StackFloor,
}

impl Text<'_> {
    /// Writes a type to where it is asked for, or the beginning of one that is too long.
    ///
    /// # Errors
    /// Those of the writer.
    pub(super) fn write_to(
        to: &mut dyn Write,
        write: impl FnOnce(&mut Text<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let mut text = Text {
            to,
            left: MOST,
            is_full: false,
            stack: StackFloor::unknown(),
        };
        match write(&mut text) {
            Err(_) if text.is_full => text.to.write_str(ELLIPSIS),
            written => written,
        }
    }

    /// Writes a type with something before and something after it.
    ///
    /// # Errors
    /// Those of the writer; and if there is no more room.
    pub(super) fn around(&mut self, before: &str, ty: &Type, after: &str) -> fmt::Result {
        self.write_str(before)?;
        match self.stack.allows_more() {
            true => ty.write(self)?,
            false => self.write_str(ELLIPSIS)?,
        }
        self.write_str(after)
    }
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() > self.left {
            let begin = &text[..text.floor_char_boundary(self.left)];
            self.is_full = true;
            self.to.write_str(begin)?;
            return Err(fmt::Error);
        }
        self.left -= text.len();
        self.to.write_str(text)
    }
}

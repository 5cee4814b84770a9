//! Code that control can't reach.
//!
//! After a branch or a trap the rest of a block is validated but not translated: the
//! specification gives it an operand stack with as many values of any type as it wants, and here
//! it has none. Only the nesting of blocks is followed, up to the `else` or `end` where control
//! may come back.

use super::control::{Frame, FrameKind};
use super::function::FuncTranslator;
use threadline_environ::Result;
use wasmparser::Operator;

impl FuncTranslator<'_, '_> {
    pub(super) fn unreachable_operator(&mut self, operator: &Operator<'_>) -> Result<()> {
        match operator {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => {
                self.control.push(Frame::unreachable());
            }
            Operator::Else if !self.in_unreachable_frame() => self.else_(),
            Operator::End if self.in_unreachable_frame() => {
                self.control.pop();
            }
            Operator::End => self.end()?,
            _ => {}
        }
        Ok(())
    }

    fn in_unreachable_frame(&self) -> bool {
        let frame = self.control.last();
        frame.is_some_and(|frame| matches!(frame.kind, FrameKind::Unreachable))
    }
}

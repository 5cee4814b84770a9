//! Traps, and the `may_leave` flag.

use super::Peer;
use super::body::Body;
use super::imports::AdapterImport;
use crate::TrapCode;
use crate::layout::FLAG_MAY_LEAVE;
use wasm_encoder::BlockType;

impl Body<'_> {
    /// Traps if the i32 on the stack isn't 0.
    pub(super) fn trap_if(&mut self, code: TrapCode) {
        self.emit().if_(BlockType::Empty);
        self.call(AdapterImport::Trap(code), &[], &[]);
        self.emit().unreachable().end();
    }

    /// Traps if the caller may not be left here.
    ///
    /// `may_leave` is clear only while a `realloc` or `post-return` of the instance runs; for a
    /// component none of whose lifts and lowers has either there is nothing to check.
    pub(super) fn check_may_leave(&mut self) {
        if !self.spec.check_may_leave {
            return;
        }
        let flags = self.imports.flags(Peer::Caller);
        self.emit()
            .global_get(flags)
            .i32_const(FLAG_MAY_LEAVE)
            .i32_and()
            .i32_eqz();
        self.trap_if(TrapCode::CannotLeaveComponent);
    }

    /// Forbids leaving a side's instance.
    pub(super) fn clear_may_leave(&mut self, peer: Peer) {
        let flags = self.imports.flags(peer);
        self.emit()
            .global_get(flags)
            .i32_const(!FLAG_MAY_LEAVE)
            .i32_and()
            .global_set(flags);
    }

    /// Allows leaving a side's instance again. It was allowed before: nothing gets into an
    /// instance that can't be left, and nothing that the instance does itself gets here.
    pub(super) fn set_may_leave(&mut self, peer: Peer) {
        let flags = self.imports.flags(peer);
        self.emit()
            .global_get(flags)
            .i32_const(FLAG_MAY_LEAVE)
            .i32_or()
            .global_set(flags);
    }
}

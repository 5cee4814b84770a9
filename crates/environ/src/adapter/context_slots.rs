//! The context slots on the way through an adapter.
//!
//! A call makes a new thread, whose slots start at 0; the caller's come back afterwards. An
//! instance whose component imports no `context.get` and no `context.set` can neither see nor
//! change the slots of its threads: what it calls in turn gives its slots back, whoever that is,
//! by this same rule. So the slots are put aside only around what can see them.

use super::Peer;
use super::body::{Body, flat_signature};
use super::code::Local;
use super::imports::AdapterImport;
use crate::canonical_abi::FlatType;
use crate::{SlotType, UnsafeIntrinsic};

/// Whose values the slots hold.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum SlotsHold {
    /// The caller's; they have to be there when the adapter returns.
    Callers,
    /// Zeros, for a thread of the callee that hasn't run yet.
    Zeros,
    /// The callee's, for its `post-return`.
    Callees,
    /// Those of a thread that has ended.
    Nobodys,
}

impl Body<'_> {
    /// Begins the callee's thread.
    pub(super) fn begin_callee_thread(&mut self) {
        if self.spec.callee.uses_context {
            self.caller_slots = Some(self.save_slots());
            self.zero_slots();
            self.slots = SlotsHold::Zeros;
        }
    }

    /// The callee has run on its thread.
    pub(super) fn slots_after_callee(&mut self) {
        if self.spec.callee.uses_context {
            self.slots = if self.spec.post_return {
                SlotsHold::Callees
            } else {
                SlotsHold::Nobodys
            };
        }
    }

    /// Ends the callee's thread and goes on with the caller's.
    pub(super) fn end_callee_thread(&mut self) {
        if let Some(saved) = self.caller_slots.take() {
            self.restore_slots(saved);
            self.slots = SlotsHold::Callers;
        }
    }

    /// Makes a call on a thread of its own in a side's instance; what the slots hold is the same
    /// afterwards, where that matters.
    pub(super) fn in_new_thread(&mut self, peer: Peer, call: impl FnOnce(&mut Self)) {
        if !self.options(peer).uses_context {
            call(self);
            return;
        }
        match self.slots {
            SlotsHold::Callers | SlotsHold::Callees => {
                let saved = self.save_slots();
                self.zero_slots();
                call(self);
                self.restore_slots(saved);
            }
            SlotsHold::Zeros => {
                call(self);
                self.zero_slots();
            }
            SlotsHold::Nobodys => {
                self.zero_slots();
                call(self);
            }
        }
    }

    fn save_slots(&mut self) -> [Local; 2] {
        [0, 1].map(|slot| {
            let ty = SlotType::I64;
            self.intrinsic(UnsafeIntrinsic::ContextGet { ty, slot });
            self.set_new_local(FlatType::I64)
        })
    }

    fn zero_slots(&mut self) {
        for slot in [0, 1] {
            self.emit().i64_const(0);
            let ty = SlotType::I64;
            self.intrinsic(UnsafeIntrinsic::ContextSet { ty, slot });
        }
    }

    fn restore_slots(&mut self, saved: [Local; 2]) {
        for (slot, local) in (0..).zip(saved) {
            self.get(local);
            let ty = SlotType::I64;
            self.intrinsic(UnsafeIntrinsic::ContextSet { ty, slot });
        }
    }

    fn intrinsic(&mut self, intrinsic: UnsafeIntrinsic) {
        let (params, results) = flat_signature(&intrinsic.signature());
        self.call(AdapterImport::Intrinsic(intrinsic), &params, &results);
    }
}

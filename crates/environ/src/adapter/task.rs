//! The two functions of a call that makes a task: what happens when the task starts, and what when
//! it returns.
//!
//! Both run on the task's thread, whose context slots are loaded, `start` at the thread's
//! beginning. That the caller may be left is checked when it calls, and whether the callee can be
//! entered before `start` is called, both by who calls it. [`TaskAdapter`] says how they are called.
//!
//! [`TaskAdapter`]: crate::component::TaskAdapter

use super::body::{Body, flat_types};
use super::context_slots::SlotsHold;
use super::handle::CallBorrows;
use super::place::OwnedPlace;
use super::{Adapter, Peer, RETURN_EXPORT, START_EXPORT};
use crate::canonical_abi::{FlatType, LiftOrLower, flatten_task_return};
use crate::error::Result;

impl Body<'_> {
    /// Writes both functions, and the module around them.
    pub(super) fn write_task(mut self) -> Result<Adapter> {
        self.write_start()?;
        self.write_return()?;
        self.finish()
    }

    /// `start`, and the parameters of `return`.
    fn write_start(&mut self) -> Result<()> {
        self.slots = SlotsHold::Zeros;
        self.begin_task_borrows();
        let args = self.params()?;
        self.call_callee(&args);
        let result = self.callee_result.take();
        self.get_all(result.as_slice());
        let results: Vec<_> = result.iter().map(|result| result.ty).collect();
        let mut next_params = self.flat_result().0;
        if self.lowered.result_in_memory {
            next_params.push(self.pointer_type(Peer::Caller));
        }
        self.end_function(START_EXPORT, &results, &next_params)
    }

    fn write_return(&mut self) -> Result<()> {
        // Of the thread that goes on afterwards, or runs `post-return`.
        self.slots = SlotsHold::Callees;
        self.borrows = CallBorrows::default();
        let (flat, in_memory) = self.flat_result();
        let from_callee = self.params[..flat.len()].to_vec();
        if self.spec.callee.lift == LiftOrLower::Lift {
            self.callee_result = from_callee.first().copied();
        }
        let result = match from_callee.first() {
            Some(&pointer) if in_memory => OwnedPlace::Memory(pointer),
            _ => OwnedPlace::Flat(from_callee),
        };
        let result = self.result(result)?;
        self.post_return();
        self.get_all(&result);
        let results: Vec<_> = result.iter().map(|result| result.ty).collect();
        self.end_function(RETURN_EXPORT, &results, &[])
    }

    /// What the callee returns, by its core function or by `task.return`, and whether that points
    /// to the result.
    fn flat_result(&self) -> (Vec<FlatType>, bool) {
        if self.spec.callee.lift == LiftOrLower::Lift {
            let results = flat_types(self.lifted.signature.results()).collect();
            return (results, self.lifted.result_in_memory);
        }
        let address = self.address(Peer::Callee);
        let flat = flatten_task_return(self.types(), self.spec.func.result, address);
        let params = flat_types(flat.signature.params()).collect();
        (params, flat.params_in_memory)
    }
}

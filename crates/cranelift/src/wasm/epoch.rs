//! Epochs: wasm that runs too long is interrupted.
//!
//! The engine counts epochs; a store has the epoch in which its wasm is to be interrupted. The two
//! are compared where a function begins and where a loop does: a load of the counter, which any
//! thread may change at any time, and a comparison with the deadline. The deadline changes only
//! while the host runs, so it is kept in a local variable from call to call.
//! If the deadline is reached the host is asked (`BuiltinIndex::NewEpoch`); if it returns, wasm
//! goes on. The host may run an embedder's callback, or let others use the store, so fuel is in
//! the store meanwhile.

use super::function::FuncTranslator;
use crate::vm_access::{self, store_context};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use cranelift_frontend::Variable;
use threadline_environ::BuiltinIndex;
use wasmparser::Operator;

/// What a function knows of epochs.
pub(super) struct Epoch {
    /// `VMStoreContext::epoch_deadline`.
    deadline: Variable,
}

/// Where to go on after an interruption.
pub(super) struct Resume(Block);

impl FuncTranslator<'_, '_> {
    /// Checks the epoch at a function's beginning. All locals are declared.
    pub(super) fn begin_epoch(&mut self) {
        if !self.env.tunables.epoch_interruption {
            return;
        }
        let deadline = self.builder.declare_var(types::I64);
        self.epoch = Some(Epoch { deadline });
        self.reload_deadline();
        self.check_epoch();
    }

    /// Comes after an operator, if code after it is reachable.
    pub(super) fn epoch_after(&mut self, operator: &Operator<'_>) {
        match operator {
            Operator::Loop { .. } => self.check_epoch(),
            // While a thread waits, the deadline is looked at and set anew.
            Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::MemoryAtomicWait32 { .. }
            | Operator::MemoryAtomicWait64 { .. } => self.reload_deadline(),
            _ => {}
        }
    }

    /// Takes over the store's deadline. After whatever came back to the function; where nothing
    /// needs it, the load goes away.
    pub(super) fn reload_deadline(&mut self) {
        let Some(epoch) = &self.epoch else { return };
        let variable = epoch.deadline;
        let store = self.store_context();
        let mut pos = self.builder.cursor();
        let deadline = vm_access::load(&mut pos, store_context::epoch_deadline(), store);
        self.builder.def_var(variable, deadline);
    }

    fn check_epoch(&mut self) {
        let Some(epoch) = &self.epoch else { return };
        let deadline = self.builder.use_var(epoch.deadline);
        let store = self.store_context();
        let current = vm_access::load_epoch(&mut self.builder.cursor(), store);
        let condition = IntCC::UnsignedGreaterThanOrEqual;
        let reached = self.builder.ins().icmp(condition, current, deadline);
        let resume = self.begin_interruption(reached);
        self.store_fuel();
        self.call_builtin(BuiltinIndex::NewEpoch, &[]);
        self.reload_fuel();
        self.reload_deadline();
        self.end_interruption(resume);
    }

    /// Begins what is done only if `condition` holds, which it hardly ever does.
    pub(super) fn begin_interruption(&mut self, condition: Value) -> Resume {
        let interruption = self.builder.create_block();
        let resume = self.builder.create_block();
        self.builder.set_cold_block(interruption);
        self.builder
            .ins()
            .brif(condition, interruption, &[], resume, &[]);
        self.builder.switch_to_block(interruption);
        self.builder.seal_block(interruption);
        Resume(resume)
    }

    /// Ends it; what follows comes either way.
    pub(super) fn end_interruption(&mut self, Resume(resume): Resume) {
        self.builder.ins().jump(resume, &[]);
        self.builder.switch_to_block(resume);
        self.builder.seal_block(resume);
    }
}

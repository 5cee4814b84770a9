//! Fuel: how much longer the store's wasm may run.
//!
//! An operator costs a unit, those that do nothing but mark structure cost none, and bulk
//! operators cost as much more as they have to move (`wasm/bulk_fuel.rs`). What a function has left is in a local
//! variable; a straight line of operators is charged at its end, at once. The variable is checked
//! where a function begins and where a loop does, so wasm overdraws by a function's length at
//! most. It goes to `VMStoreContext::fuel` before a call, a trap or a return, and before the host
//! is called where an embedder's code may look at it or set it (at a deadline, in
//! `memory.atomic.wait`); it comes back after a call. A trap that is a fault doesn't store it: then what is left is what it was at the
//! last call.
//!
//! All this depends on the operators alone: programs use the same fuel however they are compiled.
//! Where none is left the host is asked (`BuiltinIndex::OutOfFuel`); if it returns, wasm goes on.

use super::function::FuncTranslator;
use crate::vm_access::{self, header, store_context};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_frontend::Variable;
use threadline_environ::module::KnownImport;
use threadline_environ::{BuiltinIndex, FuncIndex};
use wasmparser::Operator;

/// A function's fuel.
pub(super) struct Fuel {
    /// What is left, but for `uncharged`. Negative if it is overdrawn.
    left: Variable,
    /// What the operators since the last charge cost.
    uncharged: i64,
    /// What the operator that is being translated gives back if its result is −1.
    refund: Option<Value>,
}

/// What has to be done about fuel at an operator.
enum Event {
    /// Count it.
    Count,
    /// Control goes somewhere else, or comes from there.
    Branch,
    /// It is left behind, maybe for the host.
    Leave,
    /// As `Leave`, and control comes back.
    Call,
    /// It moves bytes or elements.
    Bulk,
}

impl FuncTranslator<'_, '_> {
    /// Takes the fuel at a function's beginning, which costs a unit. All locals are declared.
    pub(super) fn begin_fuel(&mut self) {
        if !self.env.tunables.consume_fuel {
            return;
        }
        let left = self.builder.declare_var(types::I64);
        self.fuel = Some(Fuel {
            left,
            uncharged: 1,
            refund: None,
        });
        self.reload_fuel();
        self.charge_fuel();
        self.check_fuel();
    }

    /// Comes before an operator in reachable code.
    pub(super) fn fuel_before(&mut self, operator: &Operator<'_>) {
        let Some(fuel) = &mut self.fuel else { return };
        fuel.uncharged += cost(operator);
        match self.fuel_event(operator) {
            Event::Count => {}
            Event::Branch => self.charge_fuel(),
            Event::Leave | Event::Call => self.store_fuel(),
            Event::Bulk => self.charge_bulk(operator),
        }
    }

    /// Comes after an operator, if code after it is reachable.
    pub(super) fn fuel_after(&mut self, operator: &Operator<'_>) {
        let Some(fuel) = &mut self.fuel else { return };
        if let Some(amount) = fuel.refund.take() {
            self.refund(amount);
        } else if matches!(operator, Operator::Loop { .. }) {
            self.check_fuel();
        } else if matches!(self.fuel_event(operator), Event::Call) {
            self.reload_fuel();
        }
    }

    /// Charges what is not charged yet, and tells the store. Before whatever leaves the function.
    pub(super) fn store_fuel(&mut self) {
        self.charge_fuel();
        let Some(fuel) = &self.fuel else { return };
        let left = self.builder.use_var(fuel.left);
        let store = self.store_context();
        let mut pos = self.builder.cursor();
        vm_access::store(&mut pos, store_context::fuel(), left, store);
    }

    /// Takes over what the store says is left. After whatever came back to the function.
    pub(super) fn reload_fuel(&mut self) {
        let Some(fuel) = &self.fuel else { return };
        let variable = fuel.left;
        let store = self.store_context();
        let mut pos = self.builder.cursor();
        let left = vm_access::load(&mut pos, store_context::fuel(), store);
        self.builder.def_var(variable, left);
    }

    /// The address of the store's `VMStoreContext`.
    pub(super) fn store_context(&mut self) -> Value {
        let mut pos = self.builder.cursor();
        vm_access::load(&mut pos, header::store_context(), self.vmctx)
    }

    fn charge_fuel(&mut self) {
        let Some(fuel) = &mut self.fuel else { return };
        let amount = std::mem::take(&mut fuel.uncharged);
        if amount != 0 {
            let amount = self.builder.ins().iconst(types::I64, amount);
            self.charge(amount);
        }
    }

    fn charge(&mut self, amount: Value) {
        let Some(fuel) = &self.fuel else { return };
        let variable = fuel.left;
        let left = self.builder.use_var(variable);
        let left = self.builder.ins().isub(left, amount);
        self.builder.def_var(variable, left);
    }

    /// Charges for what an operator moves, and asks the host before it is begun if it can't be paid.
    fn charge_bulk(&mut self, operator: &Operator<'_>) {
        self.charge_fuel();
        let Some(cost) = self.bulk_cost(operator) else {
            return;
        };
        self.charge(cost.amount);
        self.check_fuel();
        if let Some(fuel) = &mut self.fuel {
            fuel.refund = cost.is_refunded.then_some(cost.amount);
        }
    }

    /// Gives back what was charged for an operator that has changed nothing: its result is −1.
    fn refund(&mut self, amount: Value) {
        let result = *self.stack.last().expect("validated");
        let succeeded = self.builder.ins().icmp_imm_s(IntCC::NotEqual, result, -1);
        let amount = self.nothing_if(succeeded, amount);
        let amount = self.builder.ins().ineg(amount);
        self.charge(amount);
    }

    /// Asks the host if nothing is left.
    fn check_fuel(&mut self) {
        let Some(fuel) = &self.fuel else { return };
        let left = self.builder.use_var(fuel.left);
        let zero = self.builder.ins().iconst(types::I64, 0);
        let none = self.builder.ins().icmp(IntCC::SignedLessThan, left, zero);
        let resume = self.begin_interruption(none);
        self.store_fuel();
        self.call_builtin(BuiltinIndex::OutOfFuel, &[]);
        self.reload_fuel();
        // Where the host yields, others may set the deadline.
        self.reload_deadline();
        self.end_interruption(resume);
    }

    /// What an operator means for fuel.
    fn fuel_event(&self, operator: &Operator<'_>) -> Event {
        use Operator as O;
        match operator {
            O::Call { function_index } => {
                // One that does not go through a function's call leaves the fuel alone.
                let func = FuncIndex::from_u32(*function_index);
                match self.env.known_import(func) {
                    Some(KnownImport::Intrinsic(_)) => Event::Count,
                    _ => Event::Call,
                }
            }
            // While a thread waits, an embedder's callback runs at each deadline.
            O::CallIndirect { .. }
            | O::CallRef { .. }
            | O::MemoryAtomicWait32 { .. }
            | O::MemoryAtomicWait64 { .. } => Event::Call,
            O::ReturnCall { .. }
            | O::ReturnCallIndirect { .. }
            | O::ReturnCallRef { .. }
            | O::Unreachable
            | O::Throw { .. }
            | O::ThrowRef => Event::Leave,
            O::Block { .. }
            | O::Loop { .. }
            | O::If { .. }
            | O::Else
            | O::End
            | O::Br { .. }
            | O::BrIf { .. }
            | O::BrTable { .. }
            | O::BrOnNull { .. }
            | O::BrOnNonNull { .. }
            | O::TryTable { .. }
            | O::Return => Event::Branch,
            O::MemoryCopy { .. }
            | O::MemoryFill { .. }
            | O::MemoryInit { .. }
            | O::TableCopy { .. }
            | O::TableFill { .. }
            | O::TableInit { .. }
            | O::TableGrow { .. } => Event::Bulk,
            _ => Event::Count,
        }
    }
}

/// What an operator costs, beside what it moves.
fn cost(operator: &Operator<'_>) -> i64 {
    match operator {
        Operator::Nop
        | Operator::Drop
        | Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::TryTable { .. }
        | Operator::Else
        | Operator::End
        | Operator::Return
        | Operator::Unreachable => 0,
        _ => 1,
    }
}

//! Fuel: how much longer the store's wasm may run.
//!
//! An operator costs a unit, those that do nothing but mark structure cost none, and bulk
//! operators cost as much more as they have to move. What a function has left is in a local
//! variable; a straight line of operators is charged at its end, at once. The variable is checked
//! where a function begins and where a loop does, so wasm overdraws by a function's length at
//! most. It goes to `VMStoreContext::fuel` before a call, a trap or a return, and comes back
//! after a call. A trap that is a fault doesn't store it: then what is left is what it was at the
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

/// How many bytes a bulk operator moves for a unit, as a power of two.
const BULK_BYTES_LOG2: i64 = 3;
/// More than this is never left, and subtracting it does not wrap around.
const MOST: i64 = 1 << 62;

/// A function's fuel.
pub(super) struct Fuel {
    /// What is left, but for `uncharged`. Negative if it is overdrawn.
    left: Variable,
    /// What the operators since the last charge cost.
    uncharged: i64,
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
    /// It moves as many bytes as the operand on top says.
    Bytes,
    /// It moves as many elements as the operand on top says.
    Elements,
}

impl FuncTranslator<'_, '_> {
    /// Takes the fuel at a function's beginning, which costs a unit. All locals are declared.
    pub(super) fn begin_fuel(&mut self) {
        if !self.env.tunables.consume_fuel {
            return;
        }
        let left = self.builder.declare_var(types::I64);
        self.fuel = Some(Fuel { left, uncharged: 1 });
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
            Event::Bytes => self.charge_bulk(BULK_BYTES_LOG2),
            Event::Elements => self.charge_bulk(0),
        }
    }

    /// Comes after an operator, if code after it is reachable.
    pub(super) fn fuel_after(&mut self, operator: &Operator<'_>) {
        if self.fuel.is_none() {
            return;
        }
        if matches!(operator, Operator::Loop { .. }) {
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

    /// Charges for what the operand on top counts, and stops before it is done if it can't be
    /// paid.
    fn charge_bulk(&mut self, log2: i64) {
        self.charge_fuel();
        let count = *self.stack.last().expect("validated");
        let amount = if self.builder.func.dfg.value_type(count) == types::I32 {
            self.widen(count)
        } else {
            let most = self.builder.ins().iconst(types::I64, MOST);
            self.builder.ins().umin(count, most)
        };
        let shift = self.builder.ins().iconst(types::I32, log2);
        let amount = self.builder.ins().ushr(amount, shift);
        self.charge(amount);
        self.check_fuel();
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
            O::CallIndirect { .. } | O::CallRef { .. } => Event::Call,
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
            O::MemoryCopy { .. } | O::MemoryFill { .. } | O::MemoryInit { .. } => Event::Bytes,
            O::TableCopy { .. }
            | O::TableFill { .. }
            | O::TableInit { .. }
            | O::TableGrow { .. } => Event::Elements,
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

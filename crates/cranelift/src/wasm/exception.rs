//! `try_table`, `throw`, `throw_ref`, and calls that exceptions may come out of.
//!
//! A call in a `try_table` is a `try_call`: its exceptional edges, one for each clause of the
//! `try_table`s around it, lead to *landing pads*, which take the exception and jump to the
//! clause's label. A clause that others catch everything before has no edge, so a call has no more
//! edges than there are tags. Where none is thrown nothing of this is executed: the edges become an entry of
//! the image's exception table, under the call's return address. Which clause an exception
//! belongs to is for the runtime to find out.
//!
//! What a tag is depends on the instance, so the table says where a frame keeps its context.
//!
//! `throw` is a call of a builtin that does not return; it has the same edges.

use super::function::FuncTranslator;
use crate::signature::{POINTER, builtin_signature, value_type};
use crate::trap;
use crate::vm_access;
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, ExceptionTable, ExceptionTableData, ExceptionTableItem,
    ExceptionTag, FuncRef, Inst, InstBuilder, SigRef, StackSlotData, StackSlotKind, Value, types,
};
use std::collections::BTreeSet;
use threadline_environ::artifact::{CatchClause, FuncKey};
use threadline_environ::layout::ValRaw;
use threadline_environ::{BuiltinIndex, Error, Result, TagIndex, TrapCode};
use wasmparser::{Catch, Operator};

use super::control::FrameKind;

/// The base-2 logarithm of [`ValRaw`]'s alignment.
const VALUE_ALIGN_SHIFT: u8 = align_of::<ValRaw>().trailing_zeros() as u8;

/// Entries of exception tables that a function may have, besides one for each byte of its body.
/// Cranelift makes an edge and a block of each; this many take half a second.
const MAX_HANDLERS: usize = 1 << 16;

/// An open `try_table`.
pub(super) struct TryTable {
    clauses: Vec<Clause>,
    /// The clauses that an exception in here can get to, in the order in which they are tried:
    /// its own and those around it, without any whose tag is caught before. Known from the first
    /// call on.
    reachable: Option<Vec<ClausePlace>>,
}

/// Where a clause is.
#[derive(Copy, Clone)]
struct ClausePlace {
    /// The place of its `try_table` among the open ones.
    table: u32,
    /// Its place in that.
    clause: u32,
}

/// A clause of a `try_table`.
struct Clause {
    catch: Catch,
    /// Takes the reference to the exception and the address of its values. Made for the first
    /// call that needs it.
    landing_pad: Option<Block>,
}

/// What the tag of a Cranelift exception table stands for: which clause it is, less the place of
/// the context.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClauseTag {
    /// The tag; `None` for all exceptions.
    pub(crate) tag: Option<TagIndex>,
    /// Whether the clause keeps the reference.
    pub(crate) by_reference: bool,
}

impl ClauseTag {
    fn of(catch: &Catch) -> ClauseTag {
        let (tag, by_reference) = match *catch {
            Catch::One { tag, .. } => (Some(tag), false),
            Catch::OneRef { tag, .. } => (Some(tag), true),
            Catch::All { .. } => (None, false),
            Catch::AllRef { .. } => (None, true),
        };
        ClauseTag {
            tag: tag.map(TagIndex::from_u32),
            by_reference,
        }
    }

    /// As the number that Cranelift passes on. The validator's limit on tags leaves room.
    fn encode(self) -> ExceptionTag {
        let tag = self.tag.map_or(0, |tag| tag.as_u32() + 1);
        ExceptionTag::from_u32(tag << 1 | u32::from(self.by_reference))
    }

    /// The reverse of what this module tells Cranelift.
    pub(crate) fn decode(tag: ExceptionTag) -> ClauseTag {
        ClauseTag {
            tag: (tag.as_u32() >> 1).checked_sub(1).map(TagIndex::from_u32),
            by_reference: tag.as_u32() & 1 != 0,
        }
    }

    /// The clause in an image, `context` bytes above the stack pointer being the function's.
    pub(crate) fn clause(self, context: Option<u32>) -> Option<CatchClause> {
        match self.tag {
            None => Some(CatchClause::All),
            Some(tag) => Some(CatchClause::Tag(tag, context?)),
        }
    }
}

impl FuncTranslator<'_, '_> {
    pub(super) fn exception_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        match operator {
            Operator::TryTable { try_table } => {
                let (params, results) = self.block_type(try_table.ty);
                self.pass_values(try_table.catches.len())?;
                let clause = |&catch| Clause {
                    catch,
                    landing_pad: None,
                };
                let clauses = try_table.catches.iter().map(clause).collect();
                self.push_frame(FrameKind::TryTable, params.len(), &results)?;
                self.handlers.push(TryTable {
                    clauses,
                    reachable: None,
                });
            }
            Operator::Throw { tag_index } => self.throw(TagIndex::from_u32(*tag_index))?,
            Operator::ThrowRef => self.throw_ref()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Ends the innermost block, a `try_table` that has been jumped out of at its end: writes the
    /// landing pads, whose labels count from outside of it.
    pub(super) fn end_try_table(&mut self, height: usize) -> Result<()> {
        let table = self.handlers.pop().expect("one for each `try_table`");
        let frame = self.control.pop().expect("validated");
        for clause in table.clauses {
            if let Some(block) = clause.landing_pad {
                self.truncate(height);
                self.landing_pad(&clause.catch, block)?;
            }
        }
        self.control.push(frame);
        self.leave_block()
    }

    fn landing_pad(&mut self, catch: &Catch, block: Block) -> Result<()> {
        self.builder.switch_to_block(block);
        self.builder.seal_block(block);
        let [exception, values] = *self.builder.block_params(block) else {
            unreachable!("landing pads are made with two parameters")
        };
        self.reload_fuel();
        self.reload_deadline();
        let clause = ClauseTag::of(catch);
        if let Some(tag) = clause.tag {
            let ty = self.env.func_type(self.env.module().tags[tag]);
            for (i, &ty) in ty.params().iter().enumerate() {
                let place = vm_access::exception_value(i, value_type(ty));
                let value = vm_access::load(&mut self.builder.cursor(), place, values);
                self.push(value);
            }
        }
        if clause.by_reference {
            self.push(exception);
        }
        let (Catch::One { label, .. }
        | Catch::OneRef { label, .. }
        | Catch::All { label }
        | Catch::AllRef { label }) = *catch;
        self.br(label)
    }

    fn throw(&mut self, tag: TagIndex) -> Result<()> {
        let ty = self.env.func_type(self.env.module().tags[tag]);
        let count = ty.params().len();
        self.pass_values(count)?;
        let values = self.peek_passable(count);
        let array = self.thrown_values(count);
        for (i, &value) in values.iter().enumerate() {
            let place = vm_access::exception_value(i, value_type(ty.params()[i]));
            vm_access::store(&mut self.builder.cursor(), place, value, array);
        }
        let tag = self
            .builder
            .ins()
            .iconst(types::I32, i64::from(tag.as_u32()));
        let count = self.builder.ins().iconst(types::I32, count as i64);
        self.leave_by_builtin(BuiltinIndex::Throw, &[tag, array, count])
    }

    fn throw_ref(&mut self) -> Result<()> {
        let exception = self.pop();
        self.leave_by_builtin(BuiltinIndex::ThrowRef, &[exception])
    }

    /// The address of an array on the stack, shared by all exceptions that the function throws.
    fn thrown_values(&mut self, count: usize) -> Value {
        if count == 0 {
            return self.builder.ins().iconst(POINTER, 0);
        }
        let size = (count * size_of::<ValRaw>()) as u32;
        let slot = *self.thrown_values.get_or_insert_with(|| {
            let kind = StackSlotKind::ExplicitSlot;
            let data = StackSlotData::new(kind, size, VALUE_ALIGN_SHIFT);
            self.builder.create_sized_stack_slot(data)
        });
        let slots = &mut self.builder.func.sized_stack_slots;
        slots[slot].size = slots[slot].size.max(size);
        self.builder.ins().stack_addr(POINTER, slot, 0)
    }

    /// Calls a builtin that throws, and so doesn't return.
    fn leave_by_builtin(&mut self, builtin: BuiltinIndex, args: &[Value]) -> Result<()> {
        let key = FuncKey::Builtin(builtin);
        let signature = || builtin_signature(builtin);
        let callee = self.callees.get(self.builder.func, key, signature);
        let mut all = vec![self.vmctx];
        all.extend_from_slice(args);
        self.emit_call(callee, &all)?;
        let code = trap::to_cranelift(TrapCode::Unreachable);
        self.builder.ins().trap(code);
        self.reachable = false;
        Ok(())
    }

    /// Calls a function, with the handlers that are open; the results.
    pub(super) fn emit_call(&mut self, callee: FuncRef, args: &[Value]) -> Result<Vec<Value>> {
        if self.handlers.is_empty() {
            let call = self.builder.ins().call(callee, args);
            return Ok(self.builder.inst_results(call).to_vec());
        }
        let signature = self.builder.func.dfg.ext_funcs[callee].signature;
        self.emit_try_call(signature, |this, table| {
            this.builder.ins().try_call(callee, args, table)
        })
    }

    /// Calls code by its address, with the handlers that are open; the results.
    pub(super) fn emit_call_indirect(
        &mut self,
        signature: SigRef,
        code: Value,
        args: &[Value],
    ) -> Result<Vec<Value>> {
        if self.handlers.is_empty() {
            let call = self.builder.ins().call_indirect(signature, code, args);
            return Ok(self.builder.inst_results(call).to_vec());
        }
        self.emit_try_call(signature, |this, table| {
            this.builder.ins().try_call_indirect(code, args, table)
        })
    }

    fn emit_try_call(
        &mut self,
        signature: SigRef,
        call: impl FnOnce(&mut Self, ExceptionTable) -> Inst,
    ) -> Result<Vec<Value>> {
        let items = self.exception_items()?;
        let returned = self.builder.create_block();
        let returns = self.builder.func.dfg.signatures[signature].returns.clone();
        for result in &returns {
            self.builder.append_block_param(returned, result.value_type);
        }
        let results = (0..returns.len() as u32).map(BlockArg::TryCallRet);
        let dfg = &mut self.builder.func.dfg;
        let normal = BlockCall::new(returned, results, &mut dfg.value_lists);
        let table = ExceptionTableData::new(signature, normal, items);
        let table = dfg.exception_tables.push(table);
        call(self, table);
        self.builder.switch_to_block(returned);
        self.builder.seal_block(returned);
        Ok(self.builder.block_params(returned).to_vec())
    }

    /// The clauses around a call that an exception can get to, in the order in which they are
    /// tried.
    fn exception_items(&mut self) -> Result<Vec<ExceptionTableItem>> {
        self.find_reachable_clauses()?;
        let mut tables = std::mem::take(&mut self.handlers);
        let innermost = tables.last_mut().and_then(|table| table.reachable.take());
        let reachable = innermost.unwrap_or_default();
        let mut items = vec![ExceptionTableItem::Context(self.vmctx)];
        let mut needs_context = false;
        for place in &reachable {
            let clause = &mut tables[place.table as usize].clauses[place.clause as usize];
            let pad = match clause.landing_pad {
                Some(pad) => pad,
                None => self.make_landing_pad(),
            };
            clause.landing_pad = Some(pad);
            let payload = [BlockArg::TryCallExn(0), BlockArg::TryCallExn(1)];
            let pool = &mut self.builder.func.dfg.value_lists;
            let tag = ClauseTag::of(&clause.catch);
            let target = BlockCall::new(pad, payload, pool);
            items.push(ExceptionTableItem::Tag(tag.encode(), target));
            needs_context |= tag.tag.is_some();
        }
        if let Some(table) = tables.last_mut() {
            table.reachable = Some(reachable);
        }
        self.handlers = tables;
        if !needs_context {
            items.remove(0);
        }
        self.count_handlers(items.len())?;
        self.pass_values(items.len())?;
        Ok(items)
    }

    /// Sees to it that the clauses are known that an exception can get to from here.
    fn find_reachable_clauses(&mut self) -> Result<()> {
        let known = self
            .handlers
            .iter()
            .rposition(|table| table.reachable.is_some());
        for index in known.map_or(0, |known| known + 1)..self.handlers.len() {
            let (around, [table, ..]) = self.handlers.split_at(index) else {
                break;
            };
            let reachable = reachable_clauses(around, table);
            let count = reachable.len();
            self.handlers[index].reachable = Some(reachable);
            self.count_handlers(count)?;
        }
        Ok(())
    }

    /// # Errors
    /// If the function has far more entries in exception tables than any real one.
    fn count_handlers(&mut self, count: usize) -> Result<()> {
        self.exception_handlers += count;
        let limit = MAX_HANDLERS + self.body_size;
        if self.exception_handlers > limit {
            return Err(Error::TooLarge {
                message: format!(
                    "a function has more than {limit} exception handlers, counted for each call \
                     that they are around"
                ),
            });
        }
        Ok(())
    }

    fn make_landing_pad(&mut self) -> Block {
        let block = self.builder.create_block();
        self.builder.append_block_param(block, POINTER);
        self.builder.append_block_param(block, POINTER);
        self.builder.set_cold_block(block);
        block
    }
}

/// The clauses that an exception can get to in a `try_table`, which is in `around`.
fn reachable_clauses(around: &[TryTable], table: &TryTable) -> Vec<ClausePlace> {
    let mut caught = BTreeSet::new();
    let mut reachable = Vec::new();
    for (clause, place) in table.clauses.iter().zip(0..) {
        let tag = ClauseTag::of(&clause.catch).tag;
        if caught.insert(tag) {
            reachable.push(ClausePlace {
                table: around.len() as u32,
                clause: place,
            });
        }
        if tag.is_none() {
            // Nothing gets past this one.
            return reachable;
        }
    }
    let outer = around.last().and_then(|table| table.reachable.as_ref());
    reachable.extend(outer.into_iter().flatten().filter(|place| {
        let clause = &around[place.table as usize].clauses[place.clause as usize];
        !caught.contains(&ClauseTag::of(&clause.catch).tag)
    }));
    reachable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_survives_its_encoding() {
        for tag in [None, Some(0), Some(1_000_000)] {
            for by_reference in [false, true] {
                let clause = ClauseTag {
                    tag: tag.map(TagIndex::from_u32),
                    by_reference,
                };
                assert_eq!(ClauseTag::decode(clause.encode()), clause);
            }
        }
    }
}

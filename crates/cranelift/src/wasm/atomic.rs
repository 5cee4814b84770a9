//! Atomic loads, stores and read-modify-writes, the fence, `memory.atomic.wait` and
//! `memory.atomic.notify`.
//!
//! All are sequentially consistent, and for alias analysis each is a fence. An access narrower
//! than its operand zero-extends what it reads. The address must be a multiple of the access's
//! size, which is checked before the bounds are. Waiting and notifying go to the host, which
//! checks both.

use super::function::FuncTranslator;
use crate::trap;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, MemFlagsData, Type, Value, types};
use threadline_environ::{BuiltinIndex, Error, Result, TrapCode};
use wasmparser::{MemArg, MemArgTarget, Operator};

impl FuncTranslator<'_, '_> {
    pub(super) fn atomic_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        match operator {
            Operator::AtomicFence { .. } => {
                self.builder.ins().fence();
            }
            Operator::MemoryAtomicNotify { memarg } => self.atomic_notify(memarg)?,
            Operator::MemoryAtomicWait32 { memarg } => {
                self.atomic_wait(memarg, BuiltinIndex::MemoryAtomicWait32)?;
            }
            Operator::MemoryAtomicWait64 { memarg } => {
                self.atomic_wait(memarg, BuiltinIndex::MemoryAtomicWait64)?;
            }
            _ => {
                return Ok(self.atomic_load_operator(operator)?
                    || self.atomic_store_operator(operator)?
                    || self.atomic_rmw_operator(operator)?
                    || self.atomic_cmpxchg_operator(operator)?);
            }
        }
        Ok(true)
    }

    fn atomic_load_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        use types::{I8, I16, I32, I64};
        let (memarg, ty, access) = match operator {
            Operator::I32AtomicLoad { memarg } => (memarg, I32, I32),
            Operator::I32AtomicLoad8U { memarg } => (memarg, I32, I8),
            Operator::I32AtomicLoad16U { memarg } => (memarg, I32, I16),
            Operator::I64AtomicLoad { memarg } => (memarg, I64, I64),
            Operator::I64AtomicLoad8U { memarg } => (memarg, I64, I8),
            Operator::I64AtomicLoad16U { memarg } => (memarg, I64, I16),
            Operator::I64AtomicLoad32U { memarg } => (memarg, I64, I32),
            _ => return Ok(false),
        };
        let (address, flags) = self.pop_atomic_address(memarg, access)?;
        let value = self.builder.ins().atomic_load(access, flags, address);
        self.push_widened(value, ty);
        Ok(true)
    }

    fn atomic_store_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        use types::{I8, I16, I32, I64};
        let (memarg, access) = match operator {
            Operator::I32AtomicStore { memarg } => (memarg, I32),
            Operator::I32AtomicStore8 { memarg } => (memarg, I8),
            Operator::I32AtomicStore16 { memarg } => (memarg, I16),
            Operator::I64AtomicStore { memarg } => (memarg, I64),
            Operator::I64AtomicStore8 { memarg } => (memarg, I8),
            Operator::I64AtomicStore16 { memarg } => (memarg, I16),
            Operator::I64AtomicStore32 { memarg } => (memarg, I32),
            _ => return Ok(false),
        };
        let value = self.pop_narrowed(access);
        let (address, flags) = self.pop_atomic_address(memarg, access)?;
        self.builder.ins().atomic_store(flags, value, address);
        Ok(true)
    }

    fn atomic_rmw_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        let Some((op, memarg, ty, access)) = read_modify_write(operator) else {
            return Ok(false);
        };
        let value = self.pop_narrowed(access);
        let (address, flags) = self.pop_atomic_address(memarg, access)?;
        let ins = self.builder.ins();
        let old = ins.atomic_rmw(access, flags, op, address, value);
        self.push_widened(old, ty);
        Ok(true)
    }

    fn atomic_cmpxchg_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        use types::{I8, I16, I32, I64};
        let (memarg, ty, access) = match operator {
            Operator::I32AtomicRmwCmpxchg { memarg } => (memarg, I32, I32),
            Operator::I32AtomicRmw8CmpxchgU { memarg } => (memarg, I32, I8),
            Operator::I32AtomicRmw16CmpxchgU { memarg } => (memarg, I32, I16),
            Operator::I64AtomicRmwCmpxchg { memarg } => (memarg, I64, I64),
            Operator::I64AtomicRmw8CmpxchgU { memarg } => (memarg, I64, I8),
            Operator::I64AtomicRmw16CmpxchgU { memarg } => (memarg, I64, I16),
            Operator::I64AtomicRmw32CmpxchgU { memarg } => (memarg, I64, I32),
            _ => return Ok(false),
        };
        let replacement = self.pop_narrowed(access);
        let expected = self.pop();
        let (address, flags) = self.pop_atomic_address(memarg, access)?;
        let old = self.compare_exchange(flags, address, expected, replacement, (ty, access));
        self.push_widened(old, ty);
        Ok(true)
    }

    /// The expected value is compared in full, as the specification has it: one that does not fit
    /// the access never matches. What the access must do then is read, and that is what comparing
    /// with and storing the same value amounts to.
    fn compare_exchange(
        &mut self,
        flags: MemFlagsData,
        address: Value,
        expected: Value,
        replacement: Value,
        (ty, access): (Type, Type),
    ) -> Value {
        if ty == access {
            let ins = self.builder.ins();
            return ins.atomic_cas(flags, address, expected, replacement);
        }
        let narrow = self.builder.ins().ireduce(access, expected);
        let again = self.builder.ins().uextend(ty, narrow);
        let fits = self.builder.ins().icmp(IntCC::Equal, again, expected);
        let replacement = self.builder.ins().select(fits, replacement, narrow);
        let ins = self.builder.ins();
        ins.atomic_cas(flags, address, narrow, replacement)
    }

    fn atomic_wait(&mut self, memarg: &MemArg, builtin: BuiltinIndex) -> Result<()> {
        let timeout = self.pop();
        let expected = self.pop();
        let (memory, address) = self.pop_effective_address(memarg)?;
        let outcome = self.call_builtin(builtin, &[memory, address, expected, timeout]);
        let outcome = self.builder.ins().ireduce(types::I32, outcome[0]);
        self.push(outcome);
        Ok(())
    }

    fn atomic_notify(&mut self, memarg: &MemArg) -> Result<()> {
        let count = self.pop();
        let (memory, address) = self.pop_effective_address(memarg)?;
        let woken = self.call_builtin(BuiltinIndex::MemoryAtomicNotify, &[memory, address, count]);
        let woken = self.builder.ins().ireduce(types::I32, woken[0]);
        self.push(woken);
        Ok(())
    }

    /// Pops an index and makes it an address that is a multiple of the access's size.
    fn pop_atomic_address(
        &mut self,
        memarg: &MemArg,
        access: Type,
    ) -> Result<(Value, MemFlagsData)> {
        let size = access.bytes();
        if size > 1 {
            let &index = self.stack.last().expect("a validated operand");
            self.check_alignment(index, memarg.offset, size);
        }
        let at = self.pop_heap_address(memarg, size)?;
        let address = self.builder.ins().iadd_imm_s(at.base, i64::from(at.offset));
        Ok((address, at.flags))
    }

    /// A memory starts at a page boundary, so its indices are aligned as addresses are.
    fn check_alignment(&mut self, index: Value, offset: u64, size: u32) {
        let mask = i64::from(size) - 1;
        let misaligned_by = offset as i64 & mask;
        let low = if misaligned_by == 0 {
            index
        } else {
            self.builder.ins().iadd_imm_s(index, misaligned_by)
        };
        let remainder = self.builder.ins().band_imm_s(low, mask);
        let code = trap::to_cranelift(TrapCode::UnalignedAtomic);
        self.builder.ins().trapnz(remainder, code);
    }

    /// Pops an index; gives the memory's index and the sum of index and offset, as arguments of a
    /// builtin. A sum beyond 64 bits becomes the largest multiple of 8, which is out of bounds.
    fn pop_effective_address(&mut self, memarg: &MemArg) -> Result<(Value, Value)> {
        let MemArgTarget::Memory(memory) = memarg.target else {
            return Err(Error::unsupported(
                "the multibyte-array-access proposal",
                u64::from(self.builder.srcloc().bits()),
            ));
        };
        let index = self.pop();
        let memory = self.index(memory);
        if self.builder.func.dfg.value_type(index) == types::I32 && memarg.offset <= u32::MAX.into()
        {
            let index = self.widen(index);
            let ins = self.builder.ins();
            return Ok((memory, ins.iadd_imm_s(index, memarg.offset as i64)));
        }
        let offset = self.builder.ins().iconst(types::I64, memarg.offset as i64);
        let (sum, carry) = self.builder.ins().uadd_overflow(index, offset);
        let beyond = self.builder.ins().iconst(types::I64, !7);
        let address = self.builder.ins().select(carry, beyond, sum);
        Ok((memory, address))
    }

    fn pop_narrowed(&mut self, access: Type) -> Value {
        let value = self.pop();
        if self.builder.func.dfg.value_type(value) == access {
            return value;
        }
        self.builder.ins().ireduce(access, value)
    }

    fn push_widened(&mut self, value: Value, ty: Type) {
        let value = if self.builder.func.dfg.value_type(value) == ty {
            value
        } else {
            self.builder.ins().uextend(ty, value)
        };
        self.push(value);
    }
}

/// What a read-modify-write does, where, to an operand of which type, in an access of which type.
fn read_modify_write<'a>(
    operator: &'a Operator<'_>,
) -> Option<(AtomicRmwOp, &'a MemArg, Type, Type)> {
    use types::{I8, I16, I32, I64};
    macro_rules! by_width {
        ($($op:ident: $i32:ident $i32_8:ident $i32_16:ident
            $i64:ident $i64_8:ident $i64_16:ident $i64_32:ident;)*) => {
            match operator {
                $(
                    Operator::$i32 { memarg } => Some((AtomicRmwOp::$op, memarg, I32, I32)),
                    Operator::$i32_8 { memarg } => Some((AtomicRmwOp::$op, memarg, I32, I8)),
                    Operator::$i32_16 { memarg } => Some((AtomicRmwOp::$op, memarg, I32, I16)),
                    Operator::$i64 { memarg } => Some((AtomicRmwOp::$op, memarg, I64, I64)),
                    Operator::$i64_8 { memarg } => Some((AtomicRmwOp::$op, memarg, I64, I8)),
                    Operator::$i64_16 { memarg } => Some((AtomicRmwOp::$op, memarg, I64, I16)),
                    Operator::$i64_32 { memarg } => Some((AtomicRmwOp::$op, memarg, I64, I32)),
                )*
                _ => None,
            }
        };
    }
    by_width! {
        Add: I32AtomicRmwAdd I32AtomicRmw8AddU I32AtomicRmw16AddU
            I64AtomicRmwAdd I64AtomicRmw8AddU I64AtomicRmw16AddU I64AtomicRmw32AddU;
        Sub: I32AtomicRmwSub I32AtomicRmw8SubU I32AtomicRmw16SubU
            I64AtomicRmwSub I64AtomicRmw8SubU I64AtomicRmw16SubU I64AtomicRmw32SubU;
        And: I32AtomicRmwAnd I32AtomicRmw8AndU I32AtomicRmw16AndU
            I64AtomicRmwAnd I64AtomicRmw8AndU I64AtomicRmw16AndU I64AtomicRmw32AndU;
        Or: I32AtomicRmwOr I32AtomicRmw8OrU I32AtomicRmw16OrU
            I64AtomicRmwOr I64AtomicRmw8OrU I64AtomicRmw16OrU I64AtomicRmw32OrU;
        Xor: I32AtomicRmwXor I32AtomicRmw8XorU I32AtomicRmw16XorU
            I64AtomicRmwXor I64AtomicRmw8XorU I64AtomicRmw16XorU I64AtomicRmw32XorU;
        Xchg: I32AtomicRmwXchg I32AtomicRmw8XchgU I32AtomicRmw16XchgU
            I64AtomicRmwXchg I64AtomicRmw8XchgU I64AtomicRmw16XchgU I64AtomicRmw32XchgU;
    }
}

//! A machine that runs adapters, and nothing else: it has the operators they use, and plays the
//! two components and the host around them. It shares no code with what it checks.

use std::fmt::Write;
use threadline_environ::module::{Import, ModuleTranslation};
use threadline_environ::{EntityIndex, TrapCode};
use wasmparser::{BinaryReader, FunctionBody, MemArg, MemArgTarget, Operator};

pub(crate) const CALLER: usize = 0;
pub(crate) const CALLEE: usize = 1;

/// What the callee does: gets its core arguments, returns its core result.
pub(crate) type Callee = fn(&mut Machine, &[u64]) -> Option<u64>;

/// The world around an adapter.
pub(crate) struct Machine {
    /// The memories of caller and callee.
    pub(crate) memories: [Vec<u8>; 2],
    /// Their flags.
    pub(crate) flags: [u64; 2],
    /// The context slots.
    pub(crate) slots: [u64; 2],
    /// Where the next `realloc` of each allocates.
    pub(crate) next: [u64; 2],
    /// Whether each leaves something in its slots whenever it runs.
    pub(crate) dirties_slots: [bool; 2],
    pub(crate) callee: Callee,
    /// A line for each call out of the adapter, less intrinsics.
    pub(crate) log: String,
}

impl Machine {
    pub(crate) fn new(callee: Callee) -> Machine {
        Machine {
            memories: [vec![0; 65536], vec![0; 65536]],
            flags: [1, 1],
            slots: [11, 22],
            next: [1000, 2000],
            dirties_slots: [false; 2],
            callee,
            log: String::new(),
        }
    }

    /// Runs an adapter's function: its results, or the trap.
    pub(crate) fn run(
        &mut self,
        adapter: &ModuleTranslation<'_>,
        args: &[u64],
    ) -> Result<Vec<u64>, TrapCode> {
        let body = adapter.bodies.values().next().unwrap();
        let reader = BinaryReader::new(&adapter.bytes[body.range.clone()], 0);
        let body = FunctionBody::new(reader);
        let mut locals = args.to_vec();
        for group in body.get_locals_reader().unwrap() {
            locals.resize(locals.len() + group.unwrap().0 as usize, 0);
        }
        let ops: Vec<_> = body.get_operators_reader().unwrap().into_iter().collect();
        let mut stack: Vec<u64> = Vec::new();
        let mut depth_to_skip = 0;
        for op in ops {
            let op = op.unwrap();
            if depth_to_skip > 0 {
                match op {
                    Operator::If { .. } => depth_to_skip += 1,
                    Operator::End => depth_to_skip -= 1,
                    _ => {}
                }
                continue;
            }
            match op {
                Operator::If { .. } => depth_to_skip = usize::from(stack.pop().unwrap() == 0),
                Operator::End => {}
                Operator::Call { function_index } => {
                    self.call(adapter, function_index, &mut stack)?;
                }
                Operator::LocalGet { local_index } => stack.push(locals[local_index as usize]),
                Operator::LocalSet { local_index } => {
                    locals[local_index as usize] = stack.pop().unwrap();
                }
                Operator::GlobalGet { global_index } => {
                    stack.push(self.flags[side(&nth(adapter, global_index, is_global).module)]);
                }
                Operator::GlobalSet { global_index } => {
                    let flags = side(&nth(adapter, global_index, is_global).module);
                    self.flags[flags] = stack.pop().unwrap();
                }
                op => self.plain(adapter, &op, &mut stack),
            }
        }
        Ok(stack)
    }

    /// Operators on values and memories.
    fn plain(&mut self, adapter: &ModuleTranslation<'_>, op: &Operator<'_>, stack: &mut Vec<u64>) {
        let memory = |index| side(&nth(adapter, index, is_memory).module);
        let mut pop = || stack.pop().unwrap();
        let i32 = |value: i32| u64::from(value as u32);
        let result = match *op {
            Operator::I32Const { value } => i32(value),
            Operator::I64Const { value } => value as u64,
            Operator::I32Eqz => u64::from(pop() == 0),
            Operator::I32Ne => u64::from(pop() != pop()),
            Operator::I32And => pop() & pop(),
            Operator::I32Or => pop() | pop(),
            Operator::I32Xor => pop() ^ pop(),
            Operator::I32Sub => {
                let b = pop() as i32;
                i32((pop() as i32).wrapping_sub(b))
            }
            Operator::I32GeU => u64::from(pop() <= pop()),
            Operator::I32GtU | Operator::I64GtU => u64::from(pop() < pop()),
            Operator::I32Extend8S => i32(i32::from(pop() as i8)),
            Operator::I32Extend16S => i32(i32::from(pop() as i16)),
            Operator::I64ExtendI32U => pop(),
            Operator::I64Add => pop() + pop(),
            Operator::I64Shl => {
                let by = pop();
                pop() << by
            }
            Operator::MemorySize { mem } => (self.memories[memory(mem)].len() >> 16) as u64,
            Operator::MemoryCopy { dst_mem, src_mem } => {
                let (length, from, to) = (pop() as usize, pop() as usize, pop() as usize);
                self.copy(memory(src_mem), from, memory(dst_mem), to, length);
                return;
            }
            Operator::I32Load8U { memarg } => self.load(memory(target(memarg)), memarg, 1, pop()),
            Operator::I32Load16U { memarg } => self.load(memory(target(memarg)), memarg, 2, pop()),
            Operator::I32Load { memarg } | Operator::F32Load { memarg } => {
                self.load(memory(target(memarg)), memarg, 4, pop())
            }
            Operator::I64Load { memarg } | Operator::F64Load { memarg } => {
                self.load(memory(target(memarg)), memarg, 8, pop())
            }
            Operator::I32Store8 { memarg } => {
                return self.store(memory(target(memarg)), memarg, 1, pop(), pop());
            }
            Operator::I32Store16 { memarg } => {
                return self.store(memory(target(memarg)), memarg, 2, pop(), pop());
            }
            Operator::I32Store { memarg } | Operator::F32Store { memarg } => {
                return self.store(memory(target(memarg)), memarg, 4, pop(), pop());
            }
            Operator::I64Store { memarg } | Operator::F64Store { memarg } => {
                return self.store(memory(target(memarg)), memarg, 8, pop(), pop());
            }
            ref other => panic!("an operator that adapters don't use: {other:?}"),
        };
        stack.push(result);
    }

    fn load(&self, memory: usize, arg: MemArg, size: usize, at: u64) -> u64 {
        let at = (at + arg.offset) as usize;
        assert_eq!(at % (1 << arg.align), 0, "unaligned");
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&self.memories[memory][at..at + size]);
        u64::from_le_bytes(bytes)
    }

    fn store(&mut self, memory: usize, arg: MemArg, size: usize, value: u64, at: u64) {
        let at = (at + arg.offset) as usize;
        assert_eq!(at % (1 << arg.align), 0, "unaligned");
        self.memories[memory][at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
    }

    fn copy(&mut self, from_memory: usize, from: usize, to_memory: usize, to: usize, len: usize) {
        let bytes = self.memories[from_memory][from..from + len].to_vec();
        self.memories[to_memory][to..to + len].copy_from_slice(&bytes);
    }

    /// A call to an import; which is told by its names.
    fn call(
        &mut self,
        adapter: &ModuleTranslation<'_>,
        index: u32,
        stack: &mut Vec<u64>,
    ) -> Result<(), TrapCode> {
        let import = nth(adapter, index, |i| matches!(i, EntityIndex::Func(_)));
        let (module, field) = (import.module.as_str(), import.field.as_str());
        match (module, field) {
            ("trap", message) => {
                let mut codes = TrapCode::ALL.iter();
                return Err(*codes.find(|code| code.message() == message).unwrap());
            }
            ("intrinsic", name) => self.intrinsic(name, stack),
            ("utf8-copy", direction) => {
                let args = stack.split_off(stack.len() - 3);
                let (from, to) = match direction {
                    "caller to callee" => (CALLER, CALLEE),
                    "callee to caller" => (CALLEE, CALLER),
                    other => panic!("{other}"),
                };
                let [src, dst, length] = [0, 1, 2].map(|i| args[i] as usize);
                self.copy(from, src, to, dst, length);
                writeln!(self.log, "utf8-copy {direction}: {src} {dst} {length}").unwrap();
            }
            (who, "realloc") => {
                let who = side(who);
                let args = stack.split_off(stack.len() - 4);
                self.note(&format!("{}.realloc", SIDES[who]), &args);
                stack.push(self.next[who]);
                self.next[who] += 100;
                self.dirty(who);
            }
            ("callee", "post-return") => {
                let args = std::mem::take(stack);
                self.note("post-return", &args);
                self.dirty(CALLEE);
            }
            ("callee", "call") => {
                let args = std::mem::take(stack);
                self.note("callee", &args);
                stack.extend((self.callee)(self, &args));
                self.dirty(CALLEE);
            }
            other => panic!("{other:?}"),
        }
        Ok(())
    }

    fn intrinsic(&mut self, name: &str, stack: &mut Vec<u64>) {
        match name {
            "context.get i64 0" => stack.push(self.slots[0]),
            "context.get i64 1" => stack.push(self.slots[1]),
            "context.set i64 0" => self.slots[0] = stack.pop().unwrap(),
            "context.set i64 1" => self.slots[1] = stack.pop().unwrap(),
            other => panic!("{other}"),
        }
    }

    /// A line in the log: who is called with what, and what they see.
    fn note(&mut self, what: &str, args: &[u64]) {
        let [first, second] = self.slots;
        let [caller, callee] = self.flags;
        let args: Vec<String> = args.iter().map(u64::to_string).collect();
        let args = args.join(" ");
        writeln!(
            self.log,
            "{what}({args}): slots {first} {second}, leave {caller} {callee}"
        )
        .unwrap();
    }

    fn dirty(&mut self, who: usize) {
        if self.dirties_slots[who] {
            self.slots[0] += 100 + who as u64;
            self.slots[1] += 100 + who as u64;
        }
    }
}

const SIDES: [&str; 2] = ["caller", "callee"];

fn side(name: &str) -> usize {
    SIDES.iter().position(|side| *side == name).unwrap()
}

fn is_global(index: EntityIndex) -> bool {
    matches!(index, EntityIndex::Global(_))
}

fn is_memory(index: EntityIndex) -> bool {
    matches!(index, EntityIndex::Memory(_))
}

/// The n-th import of a kind.
fn nth<'m>(
    adapter: &'m ModuleTranslation<'_>,
    n: u32,
    is_kind: fn(EntityIndex) -> bool,
) -> &'m Import {
    let mut imports = adapter.module.imports.iter();
    let mut seen = 0;
    imports
        .find(|import| {
            seen += u32::from(is_kind(import.index));
            is_kind(import.index) && seen == n + 1
        })
        .unwrap()
}

/// The memory that an access is to.
fn target(arg: MemArg) -> u32 {
    match arg.target {
        MemArgTarget::Memory(index) => index,
        other => panic!("{other:?}"),
    }
}

//! A machine that runs adapters, and nothing else: it has the operators they use, and plays the
//! two components and the host around them. It shares no code with what it checks.

use std::fmt::Write;
use threadline_environ::module::{Import, ModuleTranslation};
use threadline_environ::{EntityIndex, TrapCode};
use wasmparser::{
    BinaryReader, BlockType, FunctionBody, MemArg, MemArgTarget, Operator, Parser, Payload,
};

pub(crate) const CALLER: usize = 0;
pub(crate) const CALLEE: usize = 1;
const SCRATCH: usize = 2;

/// What the callee does: gets its core arguments, returns its core result.
pub(crate) type Callee = fn(&mut Machine, &[u64]) -> Option<u64>;

/// The world around an adapter.
pub(crate) struct Machine {
    /// The memories of caller and callee, and that in between if they are the same.
    pub(crate) memories: [Vec<u8>; 3],
    /// Their flags.
    pub(crate) flags: [u64; 2],
    /// The context slots.
    pub(crate) slots: [u64; 2],
    /// Where the next `realloc` of each allocates.
    pub(crate) next: [u64; 2],
    /// Whether each leaves something in its slots whenever it runs.
    pub(crate) dirties_slots: [bool; 2],
    /// Whether caller and callee have one memory, the caller's.
    pub(crate) one_memory: bool,
    /// What `realloc` writes to where it allocates.
    pub(crate) realloc_fills: Option<u8>,
    pub(crate) callee: Callee,
    /// A line for each call out of the adapter, less intrinsics.
    pub(crate) log: String,
}

/// Where control goes on after an instruction: the next, or out of so many blocks.
enum Flow {
    Next,
    Branch(usize),
}

/// A function that is running.
struct Frame<'a> {
    ops: &'a [Operator<'a>],
    locals: Vec<u64>,
}

impl Machine {
    pub(crate) fn new(callee: Callee) -> Machine {
        Machine {
            memories: [vec![0; 65536], vec![0; 65536], vec![0; 65536]],
            flags: [1, 1],
            slots: [11, 22],
            next: [1000, 2000],
            dirties_slots: [false; 2],
            one_memory: false,
            realloc_fills: None,
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
        assert_eq!(adapter.module.exports.len(), 1);
        self.run_export(adapter, "call", args)
    }

    /// Runs one of an adapter's functions: its results, or the trap.
    pub(crate) fn run_export(
        &mut self,
        adapter: &ModuleTranslation<'_>,
        name: &str,
        args: &[u64],
    ) -> Result<Vec<u64>, TrapCode> {
        let mut stack = args.to_vec();
        let Some(EntityIndex::Func(main)) = adapter.module.export(name) else {
            panic!("{:?}", adapter.module.exports);
        };
        self.call(adapter, main.as_u32(), &mut stack)?;
        Ok(stack)
    }

    /// Runs a function that the adapter defines.
    fn defined(
        &mut self,
        adapter: &ModuleTranslation<'_>,
        body: usize,
        args: Vec<u64>,
    ) -> Result<Vec<u64>, TrapCode> {
        let body = adapter.bodies.values().nth(body).unwrap();
        let reader = BinaryReader::new(&adapter.bytes[body.range.clone()], 0);
        let body = FunctionBody::new(reader);
        let mut locals = args;
        for group in body.get_locals_reader().unwrap() {
            locals.resize(locals.len() + group.unwrap().0 as usize, 0);
        }
        let ops = body.get_operators_reader().unwrap().into_iter();
        let ops: Vec<_> = ops.map(Result::unwrap).collect();
        let mut stack = Vec::new();
        let mut frame = Frame { ops: &ops, locals };
        self.block(adapter, &mut frame, 0, &mut stack)?;
        Ok(stack)
    }

    /// Runs from an operator to the end of the block it is in.
    fn block(
        &mut self,
        adapter: &ModuleTranslation<'_>,
        frame: &mut Frame<'_>,
        start: usize,
        stack: &mut Vec<u64>,
    ) -> Result<Flow, TrapCode> {
        let mut at = start;
        loop {
            let op = &frame.ops[at];
            let flow = match *op {
                Operator::End | Operator::Else => return Ok(Flow::Next),
                Operator::Br { relative_depth } => {
                    return Ok(Flow::Branch(relative_depth as usize));
                }
                Operator::BrIf { relative_depth } => {
                    if stack.pop().unwrap() != 0 {
                        return Ok(Flow::Branch(relative_depth as usize));
                    }
                    Flow::Next
                }
                Operator::If { blockty } | Operator::Loop { blockty } => {
                    assert_eq!(blockty, BlockType::Empty);
                    let flow = self.nested(adapter, frame, at, stack)?;
                    at = end_of(frame.ops, at);
                    flow
                }
                Operator::Call { function_index } => {
                    self.call(adapter, function_index, stack)?;
                    Flow::Next
                }
                Operator::LocalGet { local_index } => {
                    stack.push(frame.locals[local_index as usize]);
                    Flow::Next
                }
                Operator::LocalSet { local_index } => {
                    frame.locals[local_index as usize] = stack.pop().unwrap();
                    Flow::Next
                }
                Operator::LocalTee { local_index } => {
                    frame.locals[local_index as usize] = *stack.last().unwrap();
                    Flow::Next
                }
                ref op => {
                    self.plain(adapter, op, stack);
                    Flow::Next
                }
            };
            match flow {
                Flow::Next => at += 1,
                Flow::Branch(depth) => return Ok(Flow::Branch(depth)),
            }
        }
    }

    /// Runs the block that begins with an operator.
    fn nested(
        &mut self,
        adapter: &ModuleTranslation<'_>,
        frame: &mut Frame<'_>,
        at: usize,
        stack: &mut Vec<u64>,
    ) -> Result<Flow, TrapCode> {
        let is_loop = matches!(frame.ops[at], Operator::Loop { .. });
        let start = if is_loop || stack.pop().unwrap() != 0 {
            at + 1
        } else {
            match else_of(frame.ops, at) {
                Some(other) => other + 1,
                None => return Ok(Flow::Next),
            }
        };
        loop {
            match self.block(adapter, frame, start, stack)? {
                Flow::Branch(0) if is_loop => {}
                Flow::Branch(0) | Flow::Next => return Ok(Flow::Next),
                Flow::Branch(depth) => return Ok(Flow::Branch(depth - 1)),
            }
        }
    }

    /// Operators on values and memories.
    fn plain(&mut self, adapter: &ModuleTranslation<'_>, op: &Operator<'_>, stack: &mut Vec<u64>) {
        let memory = |machine: &Machine, index| {
            machine.memory_of(side(&nth(adapter, index, is_memory).module))
        };
        if let Some((arg, size, signed)) = load(op) {
            let at = stack.pop().unwrap();
            let value = self.load(memory(self, target(arg)), arg, size, at);
            let shift = 64 - 8 * size;
            let extended = ((value << shift) as i64 >> shift) as u64 & 0xFFFF_FFFF;
            stack.push(if signed { extended } else { value });
            return;
        }
        if let Some((arg, size)) = store(op) {
            let (value, at) = (stack.pop().unwrap(), stack.pop().unwrap());
            return self.store(memory(self, target(arg)), arg, size, value, at);
        }
        match *op {
            Operator::Drop => {
                stack.pop().unwrap();
            }
            Operator::GlobalGet { global_index } => {
                stack.push(self.flags[side(&nth(adapter, global_index, is_global).module)]);
            }
            Operator::GlobalSet { global_index } => {
                let flags = side(&nth(adapter, global_index, is_global).module);
                self.flags[flags] = stack.pop().unwrap();
            }
            Operator::MemorySize { mem } => {
                stack.push((self.memories[memory(self, mem)].len() >> 16) as u64);
            }
            Operator::MemoryGrow { mem } => {
                let memory = memory(self, mem);
                let pages = stack.pop().unwrap() as usize;
                let length = self.memories[memory].len();
                self.memories[memory].resize(length + (pages << 16), 0);
                stack.push((length >> 16) as u64);
            }
            Operator::MemoryCopy { dst_mem, src_mem } => {
                let args = stack.split_off(stack.len() - 3);
                let [to, from, length] = [0, 1, 2].map(|i| args[i] as usize);
                let (src, dst) = (memory(self, src_mem), memory(self, dst_mem));
                self.copy(src, from, dst, to, length);
            }
            ref op => {
                if let Some(value) = constant(op) {
                    stack.push(value);
                } else {
                    let value = stack.pop().unwrap();
                    let result =
                        unary(op, value).unwrap_or_else(|| binary(op, stack.pop().unwrap(), value));
                    stack.push(result);
                }
            }
        }
    }

    fn memory_of(&self, side: usize) -> usize {
        if self.one_memory && side == CALLEE {
            CALLER
        } else {
            side
        }
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

    /// A call to an import, which is told by its names, or to a function of the adapter.
    fn call(
        &mut self,
        adapter: &ModuleTranslation<'_>,
        index: u32,
        stack: &mut Vec<u64>,
    ) -> Result<(), TrapCode> {
        let is_func = |i| matches!(i, EntityIndex::Func(_));
        let mut imports = adapter.module.imports.iter();
        let imported = imports
            .by_ref()
            .filter(|import| is_func(import.index))
            .count() as u32;
        if let Some(defined) = index.checked_sub(imported) {
            let params = num_params(&adapter.bytes, defined as usize);
            let args = stack.split_off(stack.len() - params);
            stack.extend(self.defined(adapter, defined as usize, args)?);
            return Ok(());
        }
        let import = nth(adapter, index, is_func);
        let (module, field) = (import.module.as_str(), import.field.as_str());
        match (module, field) {
            ("trap", message) => {
                let mut codes = TrapCode::ALL.iter();
                return Err(*codes.find(|code| code.message() == message).unwrap());
            }
            ("intrinsic", name) => self.intrinsic(name, stack),
            ("borrows", op) => {
                self.note(op, &[]);
                stack.push(77);
            }
            (who, op) if op.starts_with("lift_") || op.starts_with("lower_") => {
                // What stands for a handle is 1000 more than its index.
                let is_lift = op.starts_with("lift_");
                let borrow = op.starts_with("lower_borrow") || op.contains("among many");
                let args = stack.split_off(stack.len() - if borrow { 2 } else { 1 });
                self.note(&format!("{who}.{op}"), &args);
                stack.push(if is_lift {
                    args[0] + 1000
                } else {
                    args[0] - 1000
                });
            }
            (who, "realloc") => self.realloc(side(who), stack),
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
            (how, direction) => {
                let args = stack.split_off(stack.len() - 3);
                let (from, to) = direction.split_once(" to ").unwrap();
                let sides = [side(from), side(to)];
                let args = [0, 1, 2].map(|i| args[i] as usize);
                stack.push(self.transcode(how, sides, args)?);
                let [src, dst, units] = args;
                writeln!(self.log, "{how} {direction}: {src} {dst} {units}").unwrap();
            }
        }
        Ok(())
    }

    fn realloc(&mut self, who: usize, stack: &mut Vec<u64>) {
        let args = stack.split_off(stack.len() - 4);
        self.note(&format!("{}.realloc", SIDES[who]), &args);
        let (old, old_length, new_length) = (args[0] as usize, args[1] as usize, args[3] as usize);
        let pointer = self.next[who];
        stack.push(pointer);
        self.next[who] += 100;
        let memory = self.memory_of(who);
        if let Some(byte) = self.realloc_fills {
            let start = pointer as usize;
            self.memories[memory][start..start + new_length].fill(byte);
        }
        if let Some(end) = (pointer as usize).checked_add(new_length)
            && end <= self.memories[memory].len()
        {
            let kept = old_length.min(new_length);
            self.copy(memory, old, memory, pointer as usize, kept);
        }
        self.dirty(who);
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

    /// The trampolines for strings, by the standard library.
    fn transcode(
        &mut self,
        how: &str,
        [from, to]: [usize; 2],
        [src, dst, units]: [usize; 3],
    ) -> Result<u64, TrapCode> {
        let (from, to) = (self.memory_of(from), self.memory_of(to));
        let (source, target) = how.split_once("-to-").unwrap();
        let length = units * if source == "utf16" { 2 } else { 1 };
        let bytes = self.memories[from][src..src + length].to_vec();
        let wide: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
            .collect();
        let lone = Err(TrapCode::InvalidString);
        let text: String = match (source, target) {
            ("utf8", _) => match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) if error.utf8_error().error_len().is_some() => {
                    return Err(TrapCode::InvalidUtf8);
                }
                Err(_) => return Err(TrapCode::IncompleteUtf8),
            },
            ("utf16", "ascii" | "latin1") => String::from_utf16_lossy(&wide),
            ("utf16", _) => match String::from_utf16(&wide) {
                Ok(text) => text,
                Err(_) => return lone,
            },
            _ => bytes.iter().map(|&byte| char::from(byte)).collect(),
        };
        let limit = match target {
            "ascii" => '\u{80}',
            "latin1" => '\u{100}',
            _ => char::MAX,
        };
        let taken: String = text
            .chars()
            .take_while(|&char| char < limit || limit == char::MAX)
            .collect();
        let written: Vec<u8> = match target {
            "utf8" => taken.clone().into_bytes(),
            "utf16" => taken.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => taken.chars().map(|char| char as u8).collect(),
        };
        self.memories[to][dst..dst + written.len()].copy_from_slice(&written);
        let length = written.len() as u64;
        Ok(match how {
            "utf8-to-utf8" | "latin1-to-utf16" => 0,
            "utf16-to-utf16" => wide.iter().fold(0, |all, &unit| all | u64::from(unit)),
            "utf8-to-utf16" => length / 2,
            "utf8-to-latin1" => (taken.len() as u64) << 32 | length,
            _ => length,
        })
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

const SIDES: [&str; 3] = ["caller", "callee", "scratch"];

fn side(name: &str) -> usize {
    assert_eq!(SIDES[SCRATCH], "scratch");
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
    is_kind: impl Fn(EntityIndex) -> bool,
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

/// The `end` of the block that begins at `at`.
fn end_of(ops: &[Operator<'_>], at: usize) -> usize {
    delimiters(ops, at).1
}

/// The `else` of the `if` at `at`.
fn else_of(ops: &[Operator<'_>], at: usize) -> Option<usize> {
    delimiters(ops, at).0
}

fn delimiters(ops: &[Operator<'_>], at: usize) -> (Option<usize>, usize) {
    let (mut depth, mut other) = (0, None);
    for (i, op) in ops.iter().enumerate().skip(at + 1) {
        match op {
            Operator::If { .. } | Operator::Loop { .. } => depth += 1,
            Operator::Else if depth == 0 => other = Some(i),
            Operator::End if depth == 0 => return (other, i),
            Operator::End => depth -= 1,
            _ => {}
        }
    }
    panic!("a block without end");
}

/// How many parameters a function has that a module defines.
fn num_params(module: &[u8], defined: usize) -> usize {
    let (mut types, mut functions) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload.unwrap() {
            Payload::TypeSection(section) => {
                let all = section.into_iter_err_on_gc_types();
                types.extend(all.map(|ty| ty.unwrap().params().len()));
            }
            Payload::FunctionSection(section) => {
                functions.extend(section.into_iter().map(|ty| ty.unwrap() as usize));
            }
            _ => {}
        }
    }
    types[functions[defined]]
}

/// A load: from where, how many bytes, and whether the sign is extended to 32 bits.
fn load(op: &Operator<'_>) -> Option<(MemArg, usize, bool)> {
    Some(match *op {
        Operator::I32Load8U { memarg } => (memarg, 1, false),
        Operator::I32Load8S { memarg } => (memarg, 1, true),
        Operator::I32Load16U { memarg } => (memarg, 2, false),
        Operator::I32Load16S { memarg } => (memarg, 2, true),
        Operator::I32Load { memarg } | Operator::F32Load { memarg } => (memarg, 4, false),
        Operator::I64Load { memarg } | Operator::F64Load { memarg } => (memarg, 8, false),
        _ => return None,
    })
}

/// A store: to where, and how many bytes.
fn store(op: &Operator<'_>) -> Option<(MemArg, usize)> {
    Some(match *op {
        Operator::I32Store8 { memarg } => (memarg, 1),
        Operator::I32Store16 { memarg } => (memarg, 2),
        Operator::I32Store { memarg } | Operator::F32Store { memarg } => (memarg, 4),
        Operator::I64Store { memarg } | Operator::F64Store { memarg } => (memarg, 8),
        _ => return None,
    })
}

fn constant(op: &Operator<'_>) -> Option<u64> {
    Some(match *op {
        Operator::I32Const { value } => u64::from(value as u32),
        Operator::I64Const { value } => value as u64,
        Operator::F32Const { value } => u64::from(value.bits()),
        Operator::F64Const { value } => value.bits(),
        _ => return None,
    })
}

/// An i32 is an unsigned number here, and a float its bits.
fn unary(op: &Operator<'_>, value: u64) -> Option<u64> {
    let i32 = |value: i32| u64::from(value as u32);
    Some(match op {
        Operator::I32Eqz => u64::from(value == 0),
        Operator::I32Extend8S => i32(i32::from(value as i8)),
        Operator::I32Extend16S => i32(i32::from(value as i16)),
        Operator::I32WrapI64 => value & 0xFFFF_FFFF,
        Operator::I64ExtendI32U
        | Operator::I32ReinterpretF32
        | Operator::I64ReinterpretF64
        | Operator::F32ReinterpretI32
        | Operator::F64ReinterpretI64 => value,
        _ => return None,
    })
}

fn binary(op: &Operator<'_>, a: u64, b: u64) -> u64 {
    let i32 = |value: u32| u64::from(value);
    let (a32, b32) = (a as u32, b as u32);
    match op {
        Operator::I32Eq | Operator::I64Eq => u64::from(a == b),
        Operator::I32Ne | Operator::I64Ne => u64::from(a != b),
        Operator::I32And | Operator::I64And => a & b,
        Operator::I32Or | Operator::I64Or => a | b,
        Operator::I32Xor => a ^ b,
        Operator::I32Add => i32(a32.wrapping_add(b32)),
        Operator::I32Sub => i32(a32.wrapping_sub(b32)),
        Operator::I32Mul => i32(a32.checked_mul(b32).unwrap()),
        Operator::I32Shl => i32(a32 << (b32 & 31)),
        Operator::I32ShrU => i32(a32 >> (b32 & 31)),
        Operator::I32GeU => u64::from(a >= b),
        Operator::I32GtU | Operator::I64GtU => u64::from(a > b),
        Operator::I32LtU | Operator::I64LtU => u64::from(a < b),
        Operator::I64Add => a.wrapping_add(b),
        Operator::I64Sub => a.wrapping_sub(b),
        Operator::I64Shl => a << (b & 63),
        Operator::I64ShrU => a >> (b & 63),
        other => panic!("an operator that adapters don't use: {other:?}"),
    }
}

//! Calls that are translated in place: the callee's operators become part of the caller.
//!
//! Only calls of small functions of which it is known what they are: the module's own, and those of
//! other modules of a component. A callee is validated once before, with its
//! size looked at ([`is_inlinable`]); then its operators are translated as any others are, between
//! a block that stands for the function and, in place of locals, variables that later calls use
//! again. Inlined code counts as its callee's in backtraces: its source locations lie in a range
//! of their own for each inlined call ([`InlinedCalls`]), which are resolved when the code is made.
//!
//! How much is inlined into a function is bounded by a constant and the function's own size, so
//! that the time to compile a module stays in proportion to its size.
//!
//! A function of another module is translated with that module's environment, on the context that
//! comes with the import. What an inlined call does is the same in whatever function it is, so the
//! borders of components are no obstacle, where they need no barrier against exceptions.
//!
//! What stays a call: tail calls (the callee takes the caller's place), calls of other modules in a
//! `try_table` (whose tags are found through the caller's context), and all calls if fuel is consumed. The comparison with the stack limit, and that with the epoch's deadline, are the
//! caller's: inlined calls nest a few deep, so whatever recurses goes through a prologue again.

use super::ModuleEnv;
use super::function::{FuncTranslator, Local, Locals, validator};
use cranelift_codegen::ir::{SourceLoc, Type, Value};
use threadline_environ::module::{FunctionBody, KnownImport};
use threadline_environ::{DefinedFuncIndex, FuncIndex, Result, StaticModuleIndex};
use wasmparser::{FuncValidatorAllocations, Operator, OperatorsReader};

/// The longest body, in bytes, of a function that calls none.
const MAX_LEAF_SIZE: usize = 64;
/// The longest body of other functions.
const MAX_CALLER_SIZE: usize = 40;
/// The longest body of an adapter, most of which is checks that are an instruction or two each.
const MAX_ADAPTER_SIZE: usize = 192;
/// How many inlined calls may be around a call that is inlined.
const MAX_DEPTH: usize = 3;
/// How many bytes may be inlined into a function of any size.
const MIN_BUDGET: usize = 192;
/// How many bytes may be inlined into the largest function.
const MAX_BUDGET: usize = 1 << 20;
/// The most locals that a function may declare.
const MAX_LOCALS: u32 = 16;
/// Source locations from here on are those of inlined calls.
const FIRST_INLINED_LOCATION: u32 = 1 << 31;

/// The inlined calls of a function.
#[derive(Debug, Default)]
pub(crate) struct InlinedCalls {
    calls: Vec<InlinedCall>,
}

/// A call that was inlined.
#[derive(Copy, Clone, Debug)]
pub(crate) struct InlinedCall {
    /// The module of the function it calls.
    pub(crate) module: StaticModuleIndex,
    /// The function it calls.
    pub(crate) callee: DefinedFuncIndex,
    /// The byte offset of the call, in the binary.
    pub(crate) call_site: u32,
    /// The inlined call whose code it is in.
    pub(crate) parent: Option<u32>,
    /// The source location that stands for the start of the callee's body.
    location: u32,
    /// The byte offset of that, in the binary.
    body: u32,
}

impl InlinedCalls {
    /// All of them; those inside another come after it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &InlinedCall> {
        self.calls.iter()
    }

    /// The byte offset in the binary that a source location stands for, and which of the inlined
    /// calls is the innermost around it. `None` is the default location's.
    pub(crate) fn resolve(&self, location: SourceLoc) -> Option<(u32, Option<u32>)> {
        if location.is_default() {
            return None;
        }
        let location = location.bits();
        if location < FIRST_INLINED_LOCATION {
            return Some((location, None));
        }
        let after = self.calls.partition_point(|call| call.location <= location);
        let index = after.checked_sub(1)?;
        let call = &self.calls[index];
        Some((call.body + (location - call.location), Some(index as u32)))
    }
}

/// Where a function is with inlining.
#[derive(Default)]
pub(super) struct Inlining {
    pub(super) calls: InlinedCalls,
    /// The innermost open one.
    current: Option<u32>,
    /// How many are open.
    depth: usize,
    /// Where the next one's source locations begin, less [`FIRST_INLINED_LOCATION`].
    next_location: u32,
    /// How many bytes may still be inlined.
    budget: usize,
    /// What stood for locals of inlined calls and is free again.
    unused: Vec<Local>,
}

impl Inlining {
    /// What may be inlined into a function with this body.
    pub(super) fn new(env: &ModuleEnv<'_>, body: &FunctionBody) -> Inlining {
        let end = env.module_translation().base_offset + body.range.end as u64;
        let tunables = env.tunables;
        let may = tunables.optimize
            && tunables.inline_calls
            && !tunables.consume_fuel
            && end < u64::from(FIRST_INLINED_LOCATION);
        Inlining {
            budget: match may {
                true => body.range.len().clamp(MIN_BUDGET, MAX_BUDGET),
                false => 0,
            },
            ..Inlining::default()
        }
    }

    /// The source location of what is at a byte offset of the binary, in the current body.
    pub(super) fn location(&self, offset: u64) -> SourceLoc {
        let Ok(offset) = u32::try_from(offset) else {
            return SourceLoc::default();
        };
        SourceLoc::new(match self.current {
            Some(current) => {
                let call = &self.calls.calls[current as usize];
                call.location + (offset - call.body)
            }
            None => offset,
        })
    }
}

/// Whether a function may be inlined at all. The answer is kept in the module's environment.
pub(super) fn is_inlinable(env: &ModuleEnv<'_>, index: DefinedFuncIndex) -> bool {
    let body = &env.module_translation().bodies[index];
    let size = body.range.len();
    size <= max_size(env, false) && suits(env, body).unwrap_or(false)
}

/// The longest body of a function of a module.
fn max_size(env: &ModuleEnv<'_>, calls: bool) -> usize {
    match (env.module_translation().is_adapter, calls) {
        (true, _) => MAX_ADAPTER_SIZE,
        (false, true) => MAX_CALLER_SIZE,
        (false, false) => MAX_LEAF_SIZE,
    }
}

/// # Errors
/// If the body is invalid, which the function's own compilation reports.
fn suits(env: &ModuleEnv<'_>, body: &FunctionBody) -> Result<bool> {
    let mut validator = validator(body, FuncValidatorAllocations::default());
    validator.validate(&wasmparser::FunctionBody::new(env.body_reader(body)))?;
    let mut reader = env.body_reader(body);
    let mut locals = 0u32;
    for _ in 0..reader.read_var_u32()? {
        locals = locals.saturating_add(reader.read_var_u32()?);
        reader.read::<wasmparser::ValType>()?;
    }
    if locals > MAX_LOCALS {
        return Ok(false);
    }
    let mut calls = false;
    for operator in OperatorsReader::new(reader) {
        match operator? {
            // What ends in a trap is hardly ever called; but adapters check.
            Operator::Unreachable if env.module_translation().is_adapter => {}
            Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
            | Operator::TryTable { .. }
            | Operator::Throw { .. }
            | Operator::ThrowRef => return Ok(false),
            // An intrinsic is a few instructions.
            Operator::Call { function_index }
                if matches!(
                    env.known_import(FuncIndex::from_u32(function_index)),
                    Some(KnownImport::Intrinsic(_))
                ) => {}
            Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. } => {
                calls = true;
            }
            _ => {}
        }
    }
    Ok(body.range.len() <= max_size(env, calls))
}

impl FuncTranslator<'_, '_> {
    /// Whether a call of this function of a module, here and on this context, is inlined.
    pub(super) fn inlines(
        &self,
        module: StaticModuleIndex,
        callee: DefinedFuncIndex,
        vmctx: Value,
    ) -> bool {
        let Some(env) = self.envs.get(module) else {
            return false;
        };
        let size = env.module_translation().bodies[callee].range.len();
        size <= self.inlining.budget
            && self.inlining.depth < MAX_DEPTH
            && (vmctx == self.vmctx || self.reaches_into(env))
            && env.is_inlinable(callee)
    }

    /// Whether calls of functions of another instance, of this module, may be inlined here.
    fn reaches_into(&self, env: &ModuleEnv<'_>) -> bool {
        let translation = env.module_translation();
        let end = translation.base_offset + translation.bytes.len() as u64;
        !translation.is_exception_barrier
            && self.handlers.is_empty()
            && end < u64::from(FIRST_INLINED_LOCATION)
    }

    /// Translates the body of a function for which [`inlines`](Self::inlines) holds in place of a
    /// call of it. `vmctx` is its instance's context. The arguments are on the operand stack, and
    /// then the results.
    pub(super) fn inline_call(
        &mut self,
        module: StaticModuleIndex,
        callee: DefinedFuncIndex,
        vmctx: Value,
    ) -> Result<()> {
        let env = &self.envs[module];
        let body = &env.module_translation().bodies[callee];
        let description = env.module();
        let signature = description.functions[description.func_index(callee)].signature;
        let params = env.func_type(signature).params().len();
        self.pass_values(params)?;
        let args = self.peek_passable(params);
        self.truncate(self.stack.len() - params);
        let callers_env = std::mem::replace(&mut self.env, env);
        let callers_vmctx = std::mem::replace(&mut self.vmctx, vmctx);
        self.open_inlined_call(callee, body);

        let mut reader = env.body_reader(body);
        let locals = self.declare_locals(&args, &mut reader, |_, _, _| Ok(()))?;
        let callers = std::mem::replace(&mut self.locals, locals);
        let callers_frame = std::mem::replace(&mut self.function_frame, self.control.len());
        self.push_function_frame(signature)?;
        let mut operators = OperatorsReader::new(reader);
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            self.set_source_location(offset);
            self.metered_operator(&operator, offset)?;
            self.check_size()?;
        }
        self.function_frame = callers_frame;
        let locals = std::mem::replace(&mut self.locals, callers);
        self.close_inlined_call(locals);
        self.env = callers_env;
        self.vmctx = callers_vmctx;
        Ok(())
    }

    fn open_inlined_call(&mut self, callee: DefinedFuncIndex, body: &FunctionBody) {
        let base = self.env.module_translation().base_offset;
        let inlining = &mut self.inlining;
        let size = body.range.len();
        inlining.budget -= size;
        inlining.depth += 1;
        let location = self.builder.srcloc();
        let call_site = inlining
            .calls
            .resolve(location)
            .map_or(0, |(offset, _)| offset);
        let calls = &mut inlining.calls.calls;
        calls.push(InlinedCall {
            module: self.env.module_index,
            callee,
            call_site,
            parent: inlining.current,
            location: FIRST_INLINED_LOCATION + inlining.next_location,
            body: (base + body.range.start as u64) as u32,
        });
        inlining.current = Some((calls.len() - 1) as u32);
        // Bodies are at most as long as what is inlined in all: far below 2³¹.
        inlining.next_location += size as u32 + 1;
    }

    fn close_inlined_call(&mut self, locals: Locals) {
        let inlining = &mut self.inlining;
        inlining.unused.extend(locals.into_variables());
        inlining.depth -= 1;
        let current = inlining.current;
        inlining.current = current.and_then(|index| inlining.calls.calls[index as usize].parent);
    }

    /// A variable for a local: one that is free again, if there is one. What it held then can't be
    /// seen, for a local starts with a value.
    pub(super) fn new_local(&mut self, ty: Type) -> Local {
        let unused = &mut self.inlining.unused;
        match unused.iter().rposition(|local| local.ty == ty) {
            Some(index) => unused.swap_remove(index),
            None => Local {
                variable: self.builder.declare_var(ty),
                ty,
            },
        }
    }
}

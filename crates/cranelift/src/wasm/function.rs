//! One function: set-up, the walk over its operators, and wrapping up.

use super::control::Frame;
use super::env::core_type;
use super::epoch::Epoch;
use super::fuel::Fuel;
use super::inline::{InlinedCalls, Inlining};
use super::stack_locals::{LocalsIn, StackLocals};
use super::{ModuleEnv, ModuleEnvs};
use crate::func_name::{Callees, user_name};
use crate::signature::{value_type, wasm_signature};
use crate::vm_access;
use cranelift_codegen::ir::{
    AbiParam, Function, InstBuilder, SigRef, StackSlot, Type, UserFuncName, Value, types,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use std::collections::{BTreeMap, BTreeSet};
use threadline_environ::artifact::FuncKey;
use threadline_environ::module::FunctionBody;
use threadline_environ::{DefinedFuncIndex, Error, Result, SignatureIndex, StaticModuleIndex};
use wasmparser::{
    BinaryReader, FuncToValidate, FuncValidator, FuncValidatorAllocations, Operator,
    ValidatorResources,
};

/// The most CLIF a function may become. Cranelift numbers values with 24 bits and panics beyond
/// them; well before that, compilation takes unreasonably long.
const MAX_CLIF_ENTITIES: usize = 1 << 23;
/// How deep blocks may be nested. Cranelift's time grows with the square of the depth: this much
/// takes about a second.
pub(super) const MAX_NESTING: usize = 16_384;
/// How many values all blocks, branches and calls of a function may pass together, besides those
/// in proportion to its size.
const MAX_PASSED_VALUES: usize = 1 << 20;
/// How many more for each byte of its body. An operator is two bytes or so, and passes a few.
const PASSED_VALUES_PER_BYTE: usize = 8;
/// Declared locals from which on only those that are used become variables. Fifty thousand are
/// declared in four bytes.
const MANY_LOCALS: u32 = 1 << 10;

/// Allocations that are reused from function to function; one per thread.
#[derive(Default)]
pub(crate) struct Scratch {
    builder: FunctionBuilderContext,
    validator: FuncValidatorAllocations,
}

impl Scratch {
    /// For functions that are not translated from wasm.
    pub(crate) fn builder_context(&mut self) -> &mut FunctionBuilderContext {
        &mut self.builder
    }
}

/// A local, of the function or of an inlined call.
#[derive(Copy, Clone)]
pub(super) struct Local {
    pub(super) variable: Variable,
    pub(super) ty: Type,
}

/// The locals of a body.
#[derive(Default)]
pub(super) struct Locals {
    /// The first, without a gap.
    dense: Vec<Local>,
    /// Those of the others that are used.
    sparse: BTreeMap<u32, Local>,
    /// How many there are, used or not.
    count: u32,
}

impl Locals {
    fn push(&mut self, local: Local) {
        self.dense.push(local);
        self.count = self.dense.len() as u32;
    }

    /// A local that is used.
    fn get(&self, index: u32) -> Local {
        match self.dense.get(index as usize) {
            Some(&local) => local,
            None => self.sparse[&index],
        }
    }

    /// All that have variables.
    pub(super) fn into_variables(self) -> impl Iterator<Item = Local> {
        self.dense.into_iter().chain(self.sparse.into_values())
    }
}

/// What is known about a function that has been translated.
#[derive(Default)]
pub(crate) struct Translated {
    /// Which calls are inlined in it.
    pub(crate) inlined_calls: InlinedCalls,
    /// How many values its blocks, branches and calls pass.
    pub(crate) passed_values: usize,
}

/// Validates a function body and translates it into `func`, which must be empty.
///
/// Source locations are byte offsets in the outermost binary, or what stands for them in inlined
/// calls.
///
/// # Errors
/// If the body is invalid, uses what is not built, or is too large. `func` is then unusable, and
/// `scratch` is as good as new.
pub(crate) fn translate_function(
    envs: &ModuleEnvs<'_>,
    module: StaticModuleIndex,
    index: DefinedFuncIndex,
    locals_in: LocalsIn,
    func: &mut Function,
    scratch: &mut Scratch,
) -> Result<Translated> {
    let body = &envs[module].module_translation().bodies[index];
    let mut validator = validator(body, std::mem::take(&mut scratch.validator));
    let result = FuncTranslator::new(envs, module, index, func, &mut scratch.builder).translate(
        &mut validator,
        body,
        locals_in,
    );
    if result.is_err() {
        scratch.builder = FunctionBuilderContext::new();
    }
    scratch.validator = validator.into_allocations();
    result
}

/// A body's validator can be used once, and bodies are shared between threads.
pub(super) fn validator(
    body: &FunctionBody,
    allocations: FuncValidatorAllocations,
) -> FuncValidator<ValidatorResources> {
    let to_validate = FuncToValidate {
        resources: body.validator.resources.clone(),
        index: body.validator.index,
        ty: body.validator.ty,
        features: body.validator.features,
    };
    to_validate.into_validator(allocations)
}

/// The state of translation within a function.
///
/// `impl` blocks for the groups of operators are in the files named after them.
pub(super) struct FuncTranslator<'m, 'f> {
    /// All modules.
    pub(super) envs: &'m ModuleEnvs<'m>,
    /// The one whose code is being translated: in an inlined call, the callee's.
    pub(super) env: &'m ModuleEnv<'m>,
    pub(super) builder: FunctionBuilder<'f>,
    /// The operand stack, of reachable code only.
    pub(super) stack: Vec<Value>,
    /// The control stack; the function's own frame first.
    pub(super) control: Vec<Frame>,
    /// Whether the current position can be reached. If not, no block is current.
    pub(super) reachable: bool,
    /// The context of the instance whose code is being translated.
    pub(super) vmctx: Value,
    /// If the locals are on the stack: where.
    pub(super) stack_locals: Option<StackLocals>,
    /// The locals of the body that is being translated.
    pub(super) locals: Locals,
    /// Where in the control stack the frame of that body is.
    pub(super) function_frame: usize,
    pub(super) inlining: Inlining,
    pub(super) callees: Callees,
    /// The open `try_table`s, innermost last.
    pub(super) handlers: Vec<super::exception::TryTable>,
    /// Room for the values of an exception that is being thrown, if any has values.
    pub(super) thrown_values: Option<StackSlot>,
    signatures: BTreeMap<SignatureIndex, SigRef>,
    signature: SignatureIndex,
    /// Bytes of the function's body.
    pub(super) body_size: usize,
    passed_values: usize,
    /// Entries of exception tables so far.
    pub(super) exception_handlers: usize,
    /// If fuel is consumed.
    pub(super) fuel: Option<Fuel>,
    /// If wasm is interrupted by epochs.
    pub(super) epoch: Option<Epoch>,
}

impl<'m, 'f> FuncTranslator<'m, 'f> {
    /// Names the function and opens its entry block.
    fn new(
        envs: &'m ModuleEnvs<'m>,
        module: StaticModuleIndex,
        index: DefinedFuncIndex,
        func: &'f mut Function,
        context: &'f mut FunctionBuilderContext,
    ) -> Self {
        let env = &envs[module];
        let module = env.module();
        let signature = module.functions[module.func_index(index)].signature;
        func.name = UserFuncName::User(user_name(FuncKey::Wasm(env.module_index, index)));
        func.signature = wasm_signature(env.func_type(signature));
        vm_access::declare_stack_limit(func);
        let mut builder = FunctionBuilder::new(func, context);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        builder.switch_to_block(entry);
        builder.seal_block(entry);
        builder.ensure_inserted_block();
        let vmctx = builder.block_params(entry)[0];
        FuncTranslator {
            envs,
            env,
            builder,
            stack: Vec::new(),
            control: Vec::new(),
            reachable: true,
            vmctx,
            stack_locals: None,
            locals: Locals::default(),
            function_frame: 0,
            inlining: Inlining::new(env, &env.module_translation().bodies[index]),
            callees: Callees::default(),
            handlers: Vec::new(),
            thrown_values: None,
            signatures: BTreeMap::new(),
            signature,
            body_size: env.module_translation().bodies[index].range.len(),
            passed_values: 0,
            exception_handlers: 0,
            fuel: None,
            epoch: None,
        }
    }

    fn translate(
        mut self,
        validator: &mut FuncValidator<ValidatorResources>,
        body: &FunctionBody,
        locals_in: LocalsIn,
    ) -> Result<Translated> {
        let mut reader = self.env.body_reader(body);
        self.set_source_location(reader.original_position());
        self.choose_place_of_locals(reader.clone(), locals_in);
        let entry = self.builder.current_block().expect("the entry block");
        let params = self.builder.block_params(entry)[1..].to_vec();
        self.locals = self.declare_locals(&params, &mut reader, |offset, count, ty| {
            Ok(validator.define_locals(offset, count, ty)?)
        })?;
        self.begin_fuel();
        self.begin_epoch();
        self.push_function_frame(self.signature)?;
        let mut operators = wasmparser::OperatorsReader::new(reader);
        while !operators.eof() {
            let (operator, offset) = operators.read_with_offset()?;
            validator.op(offset, &operator)?;
            self.set_source_location(offset);
            self.metered_operator(&operator, offset)?;
            self.check_size()?;
        }
        operators.finish()?;
        let frontend_config = self.env.isa.frontend_config();
        self.builder.finalize(frontend_config);
        Ok(Translated {
            inlined_calls: self.inlining.calls,
            passed_values: self.passed_values,
        })
    }

    /// Translates an operator and what interrupts wasm around it.
    pub(super) fn metered_operator(&mut self, operator: &Operator<'_>, offset: u64) -> Result<()> {
        if self.reachable {
            self.fuel_before(operator);
        }
        self.operator(operator, offset)?;
        if self.reachable {
            self.fuel_after(operator);
            self.epoch_after(operator);
        }
        Ok(())
    }

    pub(super) fn set_source_location(&mut self, offset: u64) {
        let location = self.inlining.location(offset);
        self.builder.set_srcloc(location);
    }

    /// Decides whether locals are on the stack. Then no calls are inlined, whose locals are not.
    fn choose_place_of_locals(&mut self, reader: BinaryReader<'_>, locals_in: LocalsIn) {
        let ty = |param: &AbiParam| param.value_type;
        let params: Vec<Type> = self.builder.func.signature.params[1..]
            .iter()
            .map(ty)
            .collect();
        self.stack_locals = StackLocals::choose(self.builder.func, &params, reader, locals_in);
        if self.stack_locals.is_some() {
            self.inlining = Inlining::default();
        }
    }

    /// The locals of a body: its parameters, and those that it declares, which start at zero.
    /// `validate` takes offset, number and type, and bounds the number.
    pub(super) fn declare_locals(
        &mut self,
        params: &[Value],
        reader: &mut BinaryReader<'_>,
        mut validate: impl FnMut(u64, u32, wasmparser::ValType) -> Result<()>,
    ) -> Result<Locals> {
        let mut locals = Locals::default();
        for &value in params {
            let ty = self.builder.func.dfg.value_type(value);
            locals.push(self.define_local(ty, value));
        }
        let used = self.used_locals(reader.clone());
        for _ in 0..reader.read_var_u32()? {
            let offset = reader.original_position();
            let count = reader.read_var_u32()?;
            let ty = reader.read::<wasmparser::ValType>()?;
            validate(offset, count, ty)?;
            let ty = value_type(core_type(ty));
            let zero = self.zero(ty);
            let end = locals.count.saturating_add(count);
            match &used {
                None => (0..count).for_each(|_| locals.push(self.define_local(ty, zero))),
                Some(used) => {
                    for &index in used.range(locals.count..end) {
                        locals.sparse.insert(index, self.define_local(ty, zero));
                    }
                }
            }
            locals.count = end;
        }
        Ok(locals)
    }

    /// Which locals a body uses, if it declares very many and they are variables; `None` if that
    /// makes no difference.
    fn used_locals(&self, mut reader: BinaryReader<'_>) -> Option<BTreeSet<u32>> {
        let mut declared = 0u32;
        // What can't be read, the validator will refuse.
        for _ in 0..reader.read_var_u32().ok()? {
            declared = declared.saturating_add(reader.read_var_u32().ok()?);
            reader.read::<wasmparser::ValType>().ok()?;
        }
        if declared <= MANY_LOCALS || self.stack_locals.is_some() {
            return None;
        }
        let operators = wasmparser::OperatorsReader::new(reader);
        let index = |operator| match operator {
            Operator::LocalGet { local_index }
            | Operator::LocalSet { local_index }
            | Operator::LocalTee { local_index } => Some(local_index),
            _ => None,
        };
        Some(
            operators
                .into_iter()
                .map_while(Result::ok)
                .filter_map(index)
                .collect(),
        )
    }

    fn define_local(&mut self, ty: Type, value: Value) -> Local {
        let local = self.new_local(ty);
        self.set_local_value(local.variable, value);
        local
    }

    /// The value that a local of this type starts with.
    fn zero(&mut self, ty: Type) -> Value {
        match ty {
            types::F32 => self.builder.ins().f32const(0.0),
            types::F64 => self.builder.ins().f64const(0.0),
            types::I8X16 => self.v128_constant(&[0; 16]),
            ty => self.builder.ins().iconst(ty, 0),
        }
    }

    /// How the translator accounts for values that blocks and branches pass.
    ///
    /// # Errors
    /// If a function passes far more than any real one, so that its CLIF would be out of all
    /// proportion to its binary.
    pub(super) fn pass_values(&mut self, count: usize) -> Result<()> {
        self.passed_values = self.passed_values.saturating_add(count);
        let limit = MAX_PASSED_VALUES + PASSED_VALUES_PER_BYTE * self.body_size;
        if self.passed_values > limit {
            return Err(Error::TooLarge {
                message: format!(
                    "a function's blocks, branches and calls pass more than {limit} values"
                ),
            });
        }
        Ok(())
    }

    pub(super) fn check_size(&self) -> Result<()> {
        let dfg = &self.builder.func.dfg;
        if dfg.num_insts().max(dfg.num_values()) > MAX_CLIF_ENTITIES {
            return Err(Error::TooLarge {
                message: format!(
                    "a function becomes more than {MAX_CLIF_ENTITIES} instructions or values"
                ),
            });
        }
        Ok(())
    }

    /// The signature by which functions of this type are called indirectly.
    pub(super) fn indirect_signature(&mut self, signature: SignatureIndex) -> SigRef {
        *self.signatures.entry(signature).or_insert_with(|| {
            let ty = self.env.func_type(signature);
            self.builder.func.import_signature(wasm_signature(ty))
        })
    }

    pub(super) fn local_operator(&mut self, operator: &Operator<'_>) -> bool {
        match *operator {
            Operator::LocalGet { local_index } => {
                let variable = self.local(local_index);
                let value = self.local_value(variable);
                self.push(value);
            }
            Operator::LocalSet { local_index } => {
                let value = self.pop_passable();
                let variable = self.local(local_index);
                self.set_local_value(variable, value);
            }
            Operator::LocalTee { local_index } => {
                let value = self.pop_passable();
                let variable = self.local(local_index);
                self.set_local_value(variable, value);
                self.push(value);
            }
            _ => return false,
        }
        true
    }

    fn local(&self, index: u32) -> Variable {
        self.locals.get(index).variable
    }
}

//! The order of work: what to compile, in parallel, then one image.

use crate::budget::Budget;
use crate::func_name;
use crate::image::{self, CompiledFunction, ExceptionSite, Relocation};
use crate::intrinsic;
use crate::isa::{self, Extent};
use crate::register_allocation::{self, Finishing, Outcome};
use crate::trampoline;
use crate::trap;
use crate::wasm::{self, ClauseTag, InlinedCalls, LocalsIn, ModuleEnv, ModuleEnvs, Translated};
use anyhow::{Context as _, Result, anyhow, bail};
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::{
    CodegenError, Context, ExceptionContextLoc, Final, FinalizedMachExceptionHandler,
    MachBufferFinalized, ir,
};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use threadline_environ::artifact::{
    CodeImage, Descriptions, FuncKey, Handler, InlinedCall, Settings,
};
use threadline_environ::entity::{EntityRef, PrimaryMap};
use threadline_environ::layout::VMContextLayout;
use threadline_environ::module::Module;
use threadline_environ::{
    DefinedFuncIndex, FuncType, SignatureIndex, SignatureTable, StaticModuleIndex, Translation,
    Tunables, shorten,
};

/// The most bytes of a function's name in an error.
const MAX_NAME: usize = 100;

/// What a compiler is made for.
#[derive(Clone, Debug, Default)]
pub struct CompilerConfig {
    /// Options that change the code.
    pub tunables: Tunables,
    /// A target such as `x86_64`, `aarch64` or a full triple; `None` is this machine with
    /// everything it can do.
    pub target: Option<String>,
}

/// Compiles translations for one target with one set of options.
pub struct Compiler {
    isa: OwnedTargetIsa,
    finishing: Finishing,
    tunables: Tunables,
}

impl Compiler {
    /// A compiler.
    ///
    /// # Errors
    /// If the target is unknown or not supported.
    pub fn new(config: &CompilerConfig) -> Result<Compiler> {
        let isa = |extent| isa::build(config.target.as_deref(), &config.tunables, extent);
        Ok(Compiler {
            isa: isa(Extent::Whole)?,
            finishing: Finishing::new(isa)?,
            tunables: config.tunables.clone(),
        })
    }

    /// The options this compiler was made with.
    pub fn tunables(&self) -> &Tunables {
        &self.tunables
    }

    /// Adds the target, and what its processor can do.
    pub fn add_settings(&self, settings: &mut Settings) {
        settings.add("target", self.isa.triple());
        for flag in self.isa.isa_flags() {
            match flag.as_bool() {
                Some(has) => settings.add_processor_feature(flag.name, has),
                None => settings.add(flag.name, flag.value_string()),
            }
        }
    }

    /// The target's triple.
    pub fn triple(&self) -> &target_lexicon::Triple {
        self.isa.triple()
    }

    /// Validates all function bodies and compiles everything.
    ///
    /// # Errors
    /// If a function body is invalid or uses what is not built (an [`threadline_environ::Error`]
    /// is in the chain), if a function is too large for the code generator, or if all code together
    /// is beyond the budget. If several functions are at fault, the error is that of the first.
    pub fn compile(
        &self,
        translation: Translation<'_>,
        budget: &Budget,
    ) -> Result<(CodeImage, Descriptions)> {
        let layouts: PrimaryMap<StaticModuleIndex, VMContextLayout> = translation
            .modules
            .values()
            .map(|module| VMContextLayout::new(&module.module))
            .collect();
        let image =
            Job::new(self, &translation, &layouts, budget).run(initial_keys(&translation))?;
        let modules = translation
            .modules
            .into_iter()
            .map(|(_, module)| module.module)
            .collect();
        let descriptions = Descriptions {
            modules,
            component: translation.component,
            signatures: translation.signatures,
        };
        Ok((image, descriptions))
    }

    /// Compiles only the ways between host and wasm for some function types, in both directions.
    ///
    /// # Errors
    /// If the code generator fails.
    pub fn compile_trampolines(&self, types: &[FuncType]) -> Result<(CodeImage, SignatureTable)> {
        let mut signatures = SignatureTable::default();
        let mut keys = Vec::new();
        for ty in types {
            let index = signatures.intern(ty.clone());
            keys.extend([FuncKey::HostToWasm(index), FuncKey::WasmToHost(index)]);
        }
        let translation = Translation {
            signatures,
            modules: PrimaryMap::new(),
            component: None,
            nested: PrimaryMap::new(),
        };
        let budget = Budget::unlimited();
        let image = Job::new(self, &translation, &PrimaryMap::new(), &budget).run(keys)?;
        Ok((image, translation.signatures))
    }
}

/// All that is compiled without being asked for by other code: wasm functions, the ways in for
/// what the host can call, the ways out for what it can be asked to provide, and trampolines.
fn initial_keys(translation: &Translation<'_>) -> Vec<FuncKey> {
    let mut keys = Vec::new();
    let mut entered = BTreeSet::new();
    let mut left = BTreeSet::new();
    for (module_index, module) in translation.modules.iter() {
        let defined = module.bodies.keys();
        keys.extend(defined.map(|func| FuncKey::Wasm(module_index, func)));
        let functions = &module.module.functions;
        entered.extend(
            functions
                .iter()
                .filter(|(index, f)| f.func_ref.is_some() || module.module.start == Some(*index))
                .map(|(_, f)| f.signature),
        );
        if translation.component.is_none() {
            let imported = functions.values().take(module.module.num_imported_funcs);
            left.extend(imported.map(|f| f.signature));
        }
    }
    keys.extend(entered.into_iter().map(FuncKey::HostToWasm));
    keys.extend(left.into_iter().map(FuncKey::WasmToHost));
    if let Some(component) = &translation.component {
        keys.extend(component.trampolines.keys().map(FuncKey::Trampoline));
    }
    keys
}

/// One translation being compiled.
struct Job<'a> {
    compiler: &'a Compiler,
    translation: &'a Translation<'a>,
    modules: ModuleEnvs<'a>,
    budget: &'a Budget,
}

/// What a thread uses again for each function it compiles.
#[derive(Default)]
struct Scratch {
    context: Option<Context>,
    wasm: wasm::Scratch,
    control: ControlPlane,
}

impl<'a> Job<'a> {
    fn new(
        compiler: &'a Compiler,
        translation: &'a Translation<'a>,
        layouts: &'a PrimaryMap<StaticModuleIndex, VMContextLayout>,
        budget: &'a Budget,
    ) -> Job<'a> {
        let tunables = &compiler.tunables;
        let env =
            |(index, layout)| ModuleEnv::new(translation, index, layout, tunables, &*compiler.isa);
        Job {
            compiler,
            translation,
            modules: layouts.iter().map(env).collect(),
            budget,
        }
    }

    /// Compiles `keys`, then whatever they turn out to call, and links it all.
    fn run(&self, mut keys: Vec<FuncKey>) -> Result<CodeImage> {
        let mut functions: Vec<CompiledFunction> = Vec::with_capacity(keys.len());
        let mut known: BTreeSet<FuncKey> = keys.iter().copied().collect();
        while !keys.is_empty() {
            let compiled = self.compile_all(&keys)?;
            let targets = compiled.iter().flat_map(|f| &f.relocations);
            let missing: BTreeSet<FuncKey> = targets
                .map(|relocation| relocation.target)
                .filter(|target| !known.contains(target))
                .collect();
            known.extend(&missing);
            keys = missing.into_iter().collect();
            functions.extend(compiled);
        }
        image::link(functions)
    }

    /// Compiles `keys` on all threads.
    ///
    /// # Errors
    /// That of the first that fails, in the order of `keys`, however the threads run: after a
    /// failure the functions before it are compiled still, and only those after it are not.
    fn compile_all(&self, keys: &[FuncKey]) -> Result<Vec<CompiledFunction>> {
        let first_failure = AtomicUsize::new(usize::MAX);
        let compiled: Vec<_> = keys
            .par_iter()
            .enumerate()
            .map_init(Scratch::default, |scratch, (index, &key)| {
                if index > first_failure.load(Ordering::Relaxed) {
                    return None;
                }
                let compiled = self.compile(key, scratch);
                if compiled.is_err() {
                    first_failure.fetch_min(index, Ordering::Relaxed);
                }
                Some(compiled)
            })
            .collect();
        if self.budget.is_exceeded() {
            return Err(self.first_refusal(keys));
        }
        compiled.into_iter().flatten().collect()
    }

    /// The error of a binary that exceeds the budget, where it depended on the threads which
    /// function that was. Takes no longer than the budget allows.
    fn first_refusal(&self, keys: &[FuncKey]) -> anyhow::Error {
        let budget = self.budget.renewed();
        let mut scratch = Scratch::default();
        let mut func = ir::Function::new();
        for &key in keys {
            func.clear();
            match self.define(key, LocalsIn::Variables, &mut func, &mut scratch) {
                Ok(translated) if budget.spend(units(&func, &translated)) => {}
                Ok(_) => break,
                Err(error) => return error,
            }
        }
        self.budget.error().into()
    }

    fn compile(&self, key: FuncKey, scratch: &mut Scratch) -> Result<CompiledFunction> {
        let mut context = scratch.context.take().unwrap_or_else(Context::new);
        let mut translation = register_allocation::Translation::First;
        let mut locals = LocalsIn::Variables;
        if !matches!(key, FuncKey::Wasm(..)) {
            translation = register_allocation::Translation::Last;
        }
        let calls = loop {
            context.clear();
            let translated = self.define(key, locals, &mut context.func, scratch)?;
            if locals == LocalsIn::Variables
                && !self.budget.spend(units(&context.func, &translated))
            {
                return Err(self.budget.error().into());
            }
            match self.generate(key, &mut context, scratch, translation)? {
                Outcome::Compiled => break translated.inlined_calls,
                Outcome::TooManyMerges => {
                    translation = register_allocation::Translation::Last;
                    locals = LocalsIn::Stack;
                }
            }
        };
        let mut compiled = collect(key, &context, self.alignment(), &calls)?;
        if let FuncKey::Wasm(module, _) = key {
            compiled.inlined_calls = inlined_calls(&calls);
            compiled.is_exception_barrier = self.translation.modules[module].is_exception_barrier;
        }
        scratch.context = Some(context);
        Ok(compiled)
    }

    /// Makes machine code of a context's function.
    fn generate(
        &self,
        key: FuncKey,
        context: &mut Context,
        scratch: &mut Scratch,
        translation: register_allocation::Translation,
    ) -> Result<Outcome> {
        let Compiler { isa, finishing, .. } = self.compiler;
        let control = &mut scratch.control;
        register_allocation::compile(context, &**isa, finishing, control, translation)
            .map_err(|error| self.codegen_error(key, error))
    }

    /// Writes the CLIF of one function, and returns what is known about it then.
    fn define(
        &self,
        key: FuncKey,
        locals: LocalsIn,
        func: &mut ir::Function,
        scratch: &mut Scratch,
    ) -> Result<Translated> {
        let isa = &*self.compiler.isa;
        let builder = scratch.wasm.builder_context();
        match key {
            FuncKey::Wasm(module, index) => {
                return self.define_wasm(module, index, locals, func, scratch);
            }
            FuncKey::HostToWasm(ty) => {
                trampoline::define_host_to_wasm(isa, self.ty(ty), func, builder);
            }
            FuncKey::WasmToHost(ty) => {
                trampoline::define_wasm_to_host(isa, self.ty(ty), func, builder);
            }
            FuncKey::Intrinsic(which) => {
                intrinsic::define_intrinsic(func, builder, isa.frontend_config(), which);
            }
            FuncKey::Builtin(which) => trampoline::define_builtin(isa, which, func, builder),
            FuncKey::Trampoline(index) => {
                let component = self.translation.component.as_ref();
                let component = component.context("only components have trampolines")?;
                let ty = self.ty(component.trampolines[index].signature());
                trampoline::define_trampoline(isa, component, index, ty, func, builder);
            }
        }
        Ok(Translated::default())
    }

    fn define_wasm(
        &self,
        module_index: StaticModuleIndex,
        index: DefinedFuncIndex,
        locals: LocalsIn,
        func: &mut ir::Function,
        scratch: &mut Scratch,
    ) -> Result<Translated> {
        let scratch = &mut scratch.wasm;
        let modules = &self.modules;
        let translated =
            wasm::translate_function(modules, module_index, index, locals, func, scratch);
        translated.with_context(|| {
            let module = &self.translation.modules[module_index].module;
            format!("in function {}", describe(module, index))
        })
    }

    fn ty(&self, signature: SignatureIndex) -> &FuncType {
        &self.translation.signatures[signature]
    }

    fn alignment(&self) -> u32 {
        self.compiler.isa.function_alignment().preferred
    }

    fn codegen_error(&self, key: FuncKey, error: CodegenError) -> anyhow::Error {
        let name = match key {
            FuncKey::Wasm(module, index) => {
                describe(&self.translation.modules[module].module, index)
            }
            other => format!("{other:?}"),
        };
        match error {
            CodegenError::CodeTooLarge | CodegenError::ImplLimitExceeded => {
                anyhow!("function {name} is too large to compile")
            }
            other => anyhow!("bug in Threadline: compiling {name} failed: {other:?}"),
        }
    }
}

/// What a function takes from the budget.
fn units(func: &ir::Function, translated: &Translated) -> u64 {
    (func.dfg.num_insts() + func.dfg.num_values() + translated.passed_values) as u64
}

/// A function in words: its index and, if it has one, its name.
fn describe(module: &Module, index: DefinedFuncIndex) -> String {
    let index = module.func_index(index);
    match module.func_name(index) {
        Some(name) => format!("{} (`{}`)", index.index(), shorten(name, MAX_NAME)),
        None => index.index().to_string(),
    }
}

/// Takes from Cranelift's output what we keep.
fn collect(
    key: FuncKey,
    context: &Context,
    alignment: u32,
    calls: &InlinedCalls,
) -> Result<CompiledFunction> {
    let code = context
        .compiled_code()
        .context("the code was just compiled")?;
    let buffer = &code.buffer;
    let relocations = buffer
        .relocs()
        .iter()
        .map(|relocation| {
            let target = match &relocation.target {
                cranelift_codegen::FinalizedRelocTarget::ExternalName(name) => {
                    callee(&context.func, name)
                }
                cranelift_codegen::FinalizedRelocTarget::Func(_) => None,
            };
            Ok(Relocation {
                offset: relocation.offset,
                kind: relocation.kind,
                addend: relocation.addend,
                target: target
                    .with_context(|| format!("{key:?} refers to {:?}", relocation.target))?,
            })
        })
        .collect::<Result<_>>()?;
    let traps = buffer
        .traps()
        .iter()
        .filter_map(|t| Some((t.offset, trap::from_cranelift(t.code)?)))
        .collect();
    let (addresses, inlined) = addresses(buffer.get_srclocs_sorted(), calls);
    Ok(CompiledFunction {
        key,
        code: buffer.data().to_vec(),
        alignment: alignment.max(buffer.alignment),
        relocations,
        traps,
        exception_sites: exception_sites(key, buffer)?,
        is_exception_barrier: false,
        addresses,
        inlined_calls: Vec::new(),
        inlined,
    })
}

/// The calls of a wasm function that have handlers.
///
/// The entry from the host has one as well, which the entry's record names: no exception is
/// looked for that far.
fn exception_sites(
    key: FuncKey,
    buffer: &MachBufferFinalized<Final>,
) -> Result<Vec<ExceptionSite>> {
    if !matches!(key, FuncKey::Wasm(..)) {
        return Ok(Vec::new());
    }
    let calls = buffer.call_sites();
    calls
        .filter(|call| !call.exception_handlers.is_empty())
        .map(|call| {
            Ok(ExceptionSite {
                return_address: call.ret_addr,
                frame_size: call.frame_offset.context("a call without a frame")?,
                handlers: handlers(call.exception_handlers)?,
            })
        })
        .collect()
}

fn handlers(items: &[FinalizedMachExceptionHandler]) -> Result<Vec<Handler>> {
    let mut context = None;
    let mut handlers = Vec::with_capacity(items.len());
    for item in items {
        match *item {
            FinalizedMachExceptionHandler::Context(ExceptionContextLoc::SPOffset(offset)) => {
                context = Some(offset);
            }
            FinalizedMachExceptionHandler::Tag(tag, target) => {
                let tag = ClauseTag::decode(tag);
                handlers.push(Handler {
                    clause: tag.clause(context).context("a tag without a context")?,
                    target,
                    by_reference: tag.by_reference,
                });
            }
            FinalizedMachExceptionHandler::Context(ExceptionContextLoc::GPR(_))
            | FinalizedMachExceptionHandler::Default(_) => {
                bail!("bug in Threadline: an exception handler of an unknown kind: {item:?}");
            }
        }
    }
    Ok(handlers)
}

/// The function of the image that a relocation refers to.
fn callee(func: &ir::Function, name: &ir::ExternalName) -> Option<FuncKey> {
    match name {
        ir::ExternalName::User(name) => func_name::func_key(&func.params.user_named_funcs()[*name]),
        _ => None,
    }
}

/// Code offsets, ascending, with what holds from each up to the next.
type Ranges = Vec<(u32, Option<u32>)>;

/// Ranges with a wasm offset, and the gaps between them without; and the same ranges with the
/// innermost inlined call.
fn addresses(
    srclocs: &[cranelift_codegen::MachSrcLoc<cranelift_codegen::Final>],
    calls: &InlinedCalls,
) -> (Ranges, Ranges) {
    let mut addresses: Ranges = Vec::with_capacity(srclocs.len());
    let mut inlined = Ranges::new();
    let mut end = 0;
    for range in srclocs {
        if range.start > end {
            addresses.push((end, None));
        }
        let (wasm, call) = calls.resolve(range.loc).unzip();
        addresses.push((range.start, wasm));
        if inlined.last().and_then(|&(_, last)| last) != call.flatten() {
            inlined.push((range.start, call.flatten()));
        }
        end = range.end;
    }
    (addresses, inlined)
}

/// The calls inlined in a function, as the image has them.
fn inlined_calls(calls: &InlinedCalls) -> Vec<InlinedCall> {
    let calls = calls.iter().map(|call| InlinedCall {
        callee: FuncKey::Wasm(call.module, call.callee),
        call_site: call.call_site,
        parent: call.parent,
    });
    calls.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use threadline_environ::{ContextLowering, ValType};

    fn compiler(target: &str, context_lowering: ContextLowering) -> Compiler {
        let tunables = Tunables {
            context_lowering,
            verify_clif: true,
            ..Tunables::default()
        };
        let target = Some(target.to_owned());
        Compiler::new(&CompilerConfig { tunables, target }).unwrap()
    }

    #[test]
    fn ways_between_host_and_wasm_compile_for_every_target() {
        use ValType::{F32, F64, I32, I64, V128};
        let types = [
            FuncType::new([], []),
            FuncType::new([I32, I64, F32, F64, V128], [I32]),
            FuncType::new(
                [I64; 20],
                [V128, F64, I32, I64, I64, I64, I64, I64, I64, I64],
            ),
        ];
        for target in ["x86_64", "aarch64"] {
            for lowering in ContextLowering::ALL {
                let compiler = compiler(target, lowering);
                let (image, signatures) = compiler.compile_trampolines(&types).unwrap();
                for (index, _) in signatures.iter() {
                    assert!(image.function(FuncKey::HostToWasm(index)).is_some());
                    assert!(image.function(FuncKey::WasmToHost(index)).is_some());
                }
            }
        }
    }

    #[test]
    fn an_unknown_target_is_an_error_that_names_it() {
        let config = CompilerConfig {
            target: Some("pdp11".to_owned()),
            ..CompilerConfig::default()
        };
        let error = Compiler::new(&config).err().unwrap().to_string();
        assert!(error.contains("pdp11"), "{error}");
    }
}

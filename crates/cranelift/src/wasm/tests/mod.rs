//! Translation of small modules, through Cranelift's verifier and its back end.

mod bad_input;
mod context;
mod large;
mod operators;

use super::{LocalsIn, ModuleEnv, ModuleEnvs, Scratch, translate_function};
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, control::ControlPlane};
use std::collections::BTreeMap;
use threadline_environ::layout::VMContextLayout;
use threadline_environ::module::KnownImport;
use threadline_environ::{
    ContextLowering, Features, FuncIndex, Result, StaticModuleIndex, Translation, Tunables,
};

/// What became of one function.
struct Compiled {
    /// CLIF before optimisation.
    clif: String,
    /// The machine code's instructions, one per line, without labels and directives.
    code: Vec<String>,
}

/// How to compile.
#[derive(Default)]
struct Setup {
    tunables: Tunables,
    known_imports: BTreeMap<FuncIndex, KnownImport>,
    context_distance: Option<i32>,
}

impl Setup {
    fn lowering(context_lowering: ContextLowering) -> Setup {
        Setup {
            tunables: Tunables {
                context_lowering,
                ..Tunables::default()
            },
            ..Setup::default()
        }
    }

    /// Translates, verifies and compiles all functions of a module in the text format.
    fn compile(&self, wat: &str) -> Result<Vec<Compiled>> {
        self.compile_binary(&wat::parse_str(wat).unwrap())
    }

    fn compile_binary(&self, wasm: &[u8]) -> Result<Vec<Compiled>> {
        let mut translation = Translation::parse(wasm, Features::default())?;
        let index = StaticModuleIndex::from_u32(0);
        translation.modules[index].known_imports = self.known_imports.clone();
        translation.modules[index].context_distance = self.context_distance;
        let layout = VMContextLayout::new(&translation.modules[index].module);
        let isa = isa();
        let env = ModuleEnv::new(&translation, index, &layout, &self.tunables, &*isa);
        let envs: ModuleEnvs<'_> = [env].into_iter().collect();
        let mut scratch = Scratch::default();
        let mut all = Vec::new();
        for func in translation.modules[index].bodies.keys() {
            let mut context = Context::new();
            let locals = LocalsIn::Variables;
            translate_function(&envs, index, func, locals, &mut context.func, &mut scratch)?;
            all.push(finish(context, &isa));
        }
        Ok(all)
    }
}

fn finish(mut context: Context, isa: &OwnedTargetIsa) -> Compiled {
    let clif = context.func.display().to_string();
    if let Err(errors) = cranelift_codegen::verify_function(&context.func, &**isa) {
        panic!("{errors}\n{clif}");
    }
    context.set_disasm(true);
    let result = context.compile(&**isa, &mut ControlPlane::default());
    let compiled = result.unwrap_or_else(|error| panic!("{error:?}\n{clif}"));
    let code = compiled.vcode.as_deref().unwrap_or("");
    let code = code
        .lines()
        .filter(|line| line.starts_with(' '))
        .map(|line| line.trim().to_owned())
        .collect();
    Compiled { clif, code }
}

/// The host, with the CPU features it has.
fn isa() -> OwnedTargetIsa {
    let mut flags = settings::builder();
    flags.set("opt_level", "speed").unwrap();
    flags.set("enable_verifier", "true").unwrap();
    flags.set("preserve_frame_pointers", "true").unwrap();
    // Results that don't fit in registers go through memory of the caller's.
    flags.set("enable_multi_ret_implicit_sret", "true").unwrap();
    let isa = cranelift_native::builder().unwrap();
    let isa = isa.finish(settings::Flags::new(flags)).unwrap();
    assert_ne!(isa.default_call_conv(), CallConv::Tail);
    isa
}

/// The functions of a module, compiled as usual.
fn compile(wat: &str) -> Vec<Compiled> {
    Setup::default().compile(wat).unwrap()
}

//! `threadline run`.

use crate::call::{Call, UnknownImports, no_such_function};
use crate::flags::{PrecompiledArgs, RunArgs};
use crate::input::{self, Kind};
use crate::invocation::Invocation;
use crate::timeline::Timeline;
use crate::{precompiled, wave, write_stdout};
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use threadline::component::Component;
use threadline::{Engine, Linker, Module, Precompiled, Store, Val};

/// Runs the command.
///
/// # Errors
/// If the file can't be read, compiled or linked, the call can't be made, or the guest traps.
pub(crate) fn run(args: &RunArgs) -> Result<()> {
    let invocation = args.invoke.as_deref().map(Invocation::parse).transpose()?;
    let engine = Engine::new(&args.codegen.config())?;
    let unknown = UnknownImports::of(&args.codegen);
    let result = match load(&engine, &args.file, args.precompiled)? {
        Program::Module(module) => {
            ensure!(
                args.trace.is_none(),
                "`{}` is a core module, which has no tasks to trace",
                args.file.display()
            );
            run_module(&engine, &module, invocation.as_ref(), unknown)?
        }
        Program::Component(component) => {
            let call = Call::new(&engine, &component, invocation.as_ref(), unknown)?;
            let timeline = args.trace.as_ref().map(|_| Timeline::new());
            let result = call.make(args.schedule.clone(), timeline.as_ref());
            if let (Some(path), Some(timeline)) = (&args.trace, &timeline) {
                timeline.write(path)?;
            }
            Some(result?)
        }
    };
    match result {
        Some(result) if !result.is_empty() => write_stdout(format!("{result}\n").as_bytes()),
        _ => Ok(()),
    }
}

/// What a file holds, ready to be instantiated.
pub(crate) enum Program {
    Module(Module),
    Component(Component),
}

/// Compiles a file, or loads what was compiled before. Which it is, its first bytes say, and not its
/// name.
///
/// # Errors
/// If the file can't be read or compiled, or was compiled before and may not be.
pub(crate) fn load(engine: &Engine, path: &Path, allowed: PrecompiledArgs) -> Result<Program> {
    let image = precompiled::detect(path)?;
    ensure!(
        image.is_none() || allowed.allow_precompiled,
        "`{}` is native code that `threadline compile` made, or something that says so: nothing would \
         confine it. If you would run a program from where it comes from, add \
         `--allow-precompiled`; otherwise use the WebAssembly that it was made of",
        path.display()
    );
    Ok(match image {
        Some(Precompiled::Module) => Program::Module(precompiled::module(engine, path)?),
        Some(Precompiled::Component) => Program::Component(precompiled::component(engine, path)?),
        None => {
            let bytes = input::read(path)?;
            match input::kind(&bytes) {
                Kind::Module => Program::Module(Module::new(engine, &bytes)?),
                Kind::Component => Program::Component(Component::new(engine, &bytes)?),
            }
        }
    })
}

/// Runs a core module: the call, or `_start`, or nothing but the instantiation. Gives the
/// results as text, none if nothing was called.
fn run_module(
    engine: &Engine,
    module: &Module,
    invocation: Option<&Invocation>,
    unknown: UnknownImports,
) -> Result<Option<String>> {
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    if unknown == UnknownImports::Trap {
        linker.define_unknown_imports_as_traps(module)?;
    }
    // An error of the start function isn't one of the imports.
    let instance = linker
        .instantiate_pre(module)
        .with_context(|| format!("can't instantiate the module ({})", unknown.hint()))?
        .instantiate(&mut store)
        .context("can't instantiate the module")?;
    let Some(invocation) = invocation else {
        if let Some(start) = instance.get_func(&mut store, "_start") {
            start.call(&mut store, &[], &mut [])?;
        }
        return Ok(None);
    };
    if let Some(name) = &invocation.instance {
        bail!("a core module exports no instances, so there is no `{name}`");
    }
    let func = instance
        .get_func(&mut store, &invocation.function)
        .with_context(|| {
            let names = module
                .exports()
                .filter(|export| matches!(export.ty(), threadline::ExternType::Func(_)))
                .map(|export| format!("  {}", export.name()));
            no_such_function(invocation, names.collect())
        })?;
    let ty = func.ty(&store);
    let params = wave::core_arguments(&invocation.call, &ty)
        .with_context(|| format!("`{}` is {ty}", invocation.name()))?;
    let mut results = vec![Val::I32(0); ty.results().len()];
    func.call(&mut store, &params, &mut results)?;
    wave::core_results(&results).map(Some)
}

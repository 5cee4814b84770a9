//! `threadline run`.

use crate::flags::RunArgs;
use crate::input::{self, Kind};
use crate::invocation::Invocation;
use crate::{precompiled, wave, write_stdout};
use anyhow::{Context, Result, bail};
use std::path::Path;
use threadline::component::types::{ComponentFunc, ComponentItem};
use threadline::component::{self, Component};
use threadline::{Engine, Linker, Module, Precompiled, Store, Val};

/// Runs the command.
///
/// # Errors
/// If the file can't be read, compiled or linked, the call can't be made, or the guest traps.
pub(crate) fn run(args: &RunArgs) -> Result<()> {
    let invocation = args.invoke.as_deref().map(Invocation::parse).transpose()?;
    let engine = Engine::new(&args.codegen.config())?;
    let result = match load(&engine, &args.file)? {
        Program::Module(module) => run_module(&engine, &module, invocation.as_ref())?,
        Program::Component(component) => {
            Some(run_component(&engine, &component, invocation.as_ref())?)
        }
    };
    match result {
        Some(result) if !result.is_empty() => write_stdout(format!("{result}\n").as_bytes()),
        _ => Ok(()),
    }
}

/// What a file holds, ready to be instantiated.
enum Program {
    Module(Module),
    Component(Component),
}

/// Compiles a file, or loads what was compiled before.
fn load(engine: &Engine, path: &Path) -> Result<Program> {
    Ok(match precompiled::detect(path)? {
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
) -> Result<Option<String>> {
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine)
        .instantiate(&mut store, module)
        .context("can't instantiate the module (this command provides no imports)")?;
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

/// Calls a function of a component, and gives its result as text, empty if it has none.
fn run_component(
    engine: &Engine,
    component: &Component,
    invocation: Option<&Invocation>,
) -> Result<String> {
    let Some(invocation) = invocation else {
        let functions = functions(component);
        if functions.is_empty() {
            bail!("the component exports no function, so there is nothing to run");
        }
        bail!(
            "which function? A component has no main one; add `--invoke 'name(…)'` with one \
             of these:\n{}",
            functions.join("\n")
        );
    };
    let mut store = Store::new(engine, ());
    let instance = component::Linker::<()>::new(engine)
        .instantiate(&mut store, component)
        .context("can't instantiate the component (this command provides no imports)")?;
    let func = find(&mut store, instance, invocation)
        .with_context(|| no_such_function(invocation, functions(component)))?;
    let ty = func.ty(&store);
    let params = wave::arguments(&invocation.call, &ty)
        .with_context(|| format!("`{}` is {}", invocation.name(), ty))?;
    let mut results = vec![component::Val::Bool(false); ty.results().len()];
    func.call(&mut store, &params, &mut results)?;
    wave::results(&results, &ty)
}

/// The function that a call names.
fn find(
    store: &mut Store<()>,
    instance: component::Instance,
    invocation: &Invocation,
) -> Option<component::Func> {
    let Some(name) = &invocation.instance else {
        return instance.get_func(&mut *store, invocation.function.as_str());
    };
    let parent = instance.get_export_index(&mut *store, None, name)?;
    let index = instance.get_export_index(&mut *store, Some(&parent), &invocation.function)?;
    instance.get_func(&mut *store, index)
}

/// What can be invoked in a component, a line each.
fn functions(component: &Component) -> Vec<String> {
    let line = |name: String, ty: &ComponentFunc| format!("  {name}: {}", ty);
    let ty = component.component_type();
    let mut lines = Vec::new();
    for (name, item) in ty.exports() {
        match item {
            ComponentItem::ComponentFunc(func) => lines.push(line(name.to_owned(), &func)),
            ComponentItem::ComponentInstance(instance) => {
                for (function, item) in instance.exports() {
                    if let ComponentItem::ComponentFunc(func) = item {
                        lines.push(line(format!("{name}#{function}"), &func));
                    }
                }
            }
            _ => {}
        }
    }
    lines
}

fn no_such_function(invocation: &Invocation, functions: Vec<String>) -> String {
    let name = invocation.name();
    if functions.is_empty() {
        return format!("no function `{name}` is exported, nor is any other");
    }
    format!(
        "no function `{name}` is exported; there are:\n{}",
        functions.join("\n")
    )
}

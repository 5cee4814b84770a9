//! Calls of a component's functions, for commands that make them.

use crate::flags::CodegenArgs;
use crate::invocation::Invocation;
use crate::timeline::Timeline;
use crate::wave;
use anyhow::{Context, Result, bail};
use threadline::component::types::{ComponentFunc, ComponentItem};
use threadline::component::{self, Component, InstancePre, Linker, Val};
use threadline::{Engine, Schedule, Store};

/// A call of a component's function, that can be made again and again.
pub(crate) struct Call<'a> {
    engine: &'a Engine,
    component: &'a Component,
    instance: InstancePre<()>,
    invocation: &'a Invocation,
}

/// What is done about imports, none of which the command provides.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(crate) enum UnknownImports {
    /// The program is refused.
    Refuse,
    /// Functions trap when they are called. Other imports are refused.
    Trap,
}

impl UnknownImports {
    /// What the options say.
    pub(crate) fn of(args: &CodegenArgs) -> UnknownImports {
        match args.unknown_imports_trap() {
            true => UnknownImports::Trap,
            false => UnknownImports::Refuse,
        }
    }

    /// What a message says about an import that is refused.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            UnknownImports::Refuse => {
                "this command provides no imports; with `-W unknown-imports-trap`, functions that are \
                 imported trap when they are called"
            }
            UnknownImports::Trap => {
                "this command provides no imports, and `-W unknown-imports-trap` is for functions alone"
            }
        }
    }
}

impl<'a> Call<'a> {
    /// Prepares a call.
    ///
    /// # Errors
    /// If there is nothing to call, or the component imports something that `unknown` refuses.
    pub(crate) fn new(
        engine: &'a Engine,
        component: &'a Component,
        invocation: Option<&'a Invocation>,
        unknown: UnknownImports,
    ) -> Result<Call<'a>> {
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
        let mut linker = Linker::new(engine);
        if unknown == UnknownImports::Trap {
            linker.define_unknown_imports_as_traps(component)?;
        }
        let instance = linker
            .instantiate_pre(component)
            .with_context(|| format!("can't instantiate the component ({})", unknown.hint()))?;
        Ok(Call {
            engine,
            component,
            instance,
            invocation,
        })
    }

    /// Makes the call in a store of its own: the result as text, empty if there is none.
    ///
    /// # Errors
    /// If there is no such function, the arguments don't fit, or the guest traps.
    pub(crate) fn make(&self, schedule: Schedule, timeline: Option<&Timeline>) -> Result<String> {
        let mut store = Store::new(self.engine, ());
        store.set_schedule(schedule);
        if let Some(timeline) = timeline {
            store.set_tracer(timeline.tracer());
        }
        let invocation = self.invocation;
        let instance = self
            .instance
            .instantiate(&mut store)
            .context("can't instantiate the component")?;
        let func = find(&mut store, instance, invocation)
            .with_context(|| no_such_function(invocation, functions(self.component)))?;
        let ty = func.ty(&store);
        let params = wave::arguments(&invocation.call, &ty)
            .with_context(|| format!("`{}` is {}", invocation.name(), ty))?;
        let mut results = vec![Val::Bool(false); ty.results().len()];
        func.call(&mut store, &params, &mut results)?;
        wave::results(&results, &ty)
    }
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

/// What is said of a function that isn't there.
pub(crate) fn no_such_function(invocation: &Invocation, functions: Vec<String>) -> String {
    let name = invocation.name();
    if functions.is_empty() {
        return format!("no function `{name}` is exported, nor is any other");
    }
    format!(
        "no function `{name}` is exported; there are:\n{}",
        functions.join("\n")
    )
}

//! A running script: its store, its instances by name, and what each directive does.

use crate::outcome::Outcome;
use crate::{component_value, core_value, spectest, wording};
use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use std::collections::BTreeMap;
use threadline::component::{self, Component};
use threadline::{Engine, Extern, Linker, Module, Schedule, SharedMemory, Store};
use wast::lexer::Lexer;
use wast::parser::ParseBuffer;
use wast::token::Id;
use wast::{QuoteWat, QuoteWatTest, WastArg, WastDirective, WastExecute, WastInvoke, Wat};

/// How often guest threads that outlive a call are resumed before the script goes on.
const MAX_TURNS: usize = 1_000;

/// What a wasm binary starts with.
const MAGIC: &[u8] = b"\0asm";

/// A compiled module or component, not instantiated yet.
#[derive(Clone)]
enum Definition {
    Module(Module),
    Component(Component),
}

/// An instance that directives can name.
#[derive(Clone)]
enum Instance {
    Core(threadline::Instance),
    Component(component::Instance),
    /// What a thread sees of a core instance of another store: its shared memories, by name.
    Shared(Vec<(String, SharedMemory)>),
}

/// What became of a definition or instance: the thing, or why there is none. Whatever needs it
/// then fails with that reason.
type Made<T> = Result<T, String>;

/// Things by name, and the one that is meant where no name is given.
struct Named<T> {
    by_name: BTreeMap<String, Made<T>>,
    latest: Option<Made<T>>,
}

/// How scripts are run.
#[derive(Clone, Default)]
pub(crate) struct Options {
    /// Whether any message does where one is expected.
    pub(crate) ignore_messages: bool,
    /// The schedule of stores.
    pub(crate) schedule: Schedule,
}

/// The state of a script.
pub(crate) struct Script {
    engine: Engine,
    store: Store<()>,
    linker: Linker<()>,
    component_linker: component::Linker<()>,
    definitions: Named<Definition>,
    instances: Named<Instance>,
    options: Options,
}

impl Script {
    /// A script at its start: nothing but `spectest` can be imported.
    pub(crate) fn new(engine: &Engine, options: &Options) -> Result<Script> {
        let mut store = Store::new(engine, ());
        store.set_schedule(options.schedule.clone());
        let mut linker = Linker::new(engine);
        linker.allow_shadowing(true);
        spectest::define(&mut linker, &mut store).context("can't define `spectest`")?;
        let mut component_linker = component::Linker::new(engine);
        component_linker.allow_shadowing(true);
        Ok(Script {
            engine: engine.clone(),
            store,
            linker,
            component_linker,
            definitions: Named::default(),
            instances: Named::default(),
            options: options.clone(),
        })
    }

    /// A script for a thread, that sees the shared memories of one instance of this one.
    ///
    /// # Errors
    /// If there is no such instance.
    pub(crate) fn for_thread(&mut self, shared_module: Option<Id<'_>>) -> Result<Script> {
        let mut script = Script::new(&self.engine, &self.options)?;
        let Some(name) = shared_module else {
            return Ok(script);
        };
        let Instance::Core(instance) = self.instances.get(Some(name), "instance")? else {
            bail!("only a core instance can be shared with a thread");
        };
        let mut memories = Vec::new();
        for export in instance.exports(&mut self.store) {
            let export_name = export.name().to_owned();
            if let Extern::SharedMemory(memory) = export.into_extern() {
                memories.push((export_name, memory));
            }
        }
        let shared = Instance::Shared(memories);
        script.instances.insert(Some(name), Ok(shared))?;
        Ok(script)
    }

    /// Runs a directive.
    ///
    /// # Errors
    /// If it does not do what it should. The script can go on.
    pub(crate) fn run(&mut self, directive: &mut WastDirective<'_>) -> Result<()> {
        match directive {
            WastDirective::Module(wat) => self.module(wat),
            WastDirective::ModuleDefinition(wat) => self.module_definition(wat),
            WastDirective::ModuleInstance {
                instance, module, ..
            } => self.module_instance(*instance, *module),
            WastDirective::Register { name, module, .. } => self.register(name, *module),
            WastDirective::Invoke(invoke) => self.invoke(invoke)?.no_trap(),
            WastDirective::AssertReturn { exec, results, .. } => {
                self.execute(exec)?.check_results(&self.store, results)
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let trap = self.execute(exec)?.into_trap()?;
                self.check_message(&trap, message, wording::trap_matches)
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let trap = self.invoke(call)?.into_trap()?;
                self.check_message(&trap, message, wording::trap_matches)
            }
            WastDirective::AssertInvalid {
                module, message, ..
            }
            | WastDirective::AssertInvalidCustom {
                module, message, ..
            } => self.assert_refused(module, message, "invalid"),
            WastDirective::AssertMalformed {
                module, message, ..
            }
            | WastDirective::AssertMalformedCustom {
                module, message, ..
            } => self.assert_refused(module, message, "malformed"),
            WastDirective::AssertUnlinkable {
                module, message, ..
            } => self.assert_unlinkable(module, message),
            WastDirective::AssertException { exec, .. } => self.execute(exec)?.into_exception(),
            WastDirective::AssertSuspension { .. } => {
                bail!("`assert_suspension` (stack switching) is not supported yet")
            }
            WastDirective::Thread(_) | WastDirective::Wait { .. } => {
                bail!("threads are started and waited for elsewhere")
            }
        }
    }

    /// `(module …)`: defines and instantiates.
    fn module(&mut self, wat: &mut QuoteWat<'_>) -> Result<()> {
        let name = wat.name();
        let definition = compile_quoted(&self.engine, wat);
        // A definition can be instantiated again by its name.
        let _ = self.definitions.insert(name, copy_of(&definition));
        let instance = definition.and_then(|definition| self.instantiate(&definition));
        self.instances.insert(name, instance)
    }

    /// `(module definition …)`: defines only.
    fn module_definition(&mut self, wat: &mut QuoteWat<'_>) -> Result<()> {
        let definition = compile_quoted(&self.engine, wat);
        self.definitions.insert(wat.name(), definition)
    }

    /// `(module instance $i $m)`: instantiates what was defined.
    fn module_instance(&mut self, name: Option<Id<'_>>, module: Option<Id<'_>>) -> Result<()> {
        let instance = self
            .definitions
            .get(module, "module definition")
            .and_then(|definition| self.instantiate(&definition));
        self.instances.insert(name, instance)
    }

    /// `(register "name" $i)`: lets later modules import from an instance.
    fn register(&mut self, name: &str, instance: Option<Id<'_>>) -> Result<()> {
        match self.instances.get(instance, "instance")? {
            Instance::Core(instance) => {
                self.linker.instance(&mut self.store, name, instance)?;
                Ok(())
            }
            Instance::Component(instance) => {
                let mut names = self.component_linker.instance(name)?;
                names.reexport(&self.store, &instance)
            }
            Instance::Shared(memories) => {
                for (export, memory) in memories {
                    self.linker.define(&self.store, name, &export, memory)?;
                }
                Ok(())
            }
        }
    }

    /// `(assert_invalid …)` and its kin: the module must not compile.
    fn assert_refused(
        &self,
        module: &mut QuoteWat<'_>,
        message: &str,
        expected: &str,
    ) -> Result<()> {
        match compile_quoted(&self.engine, module) {
            Ok(_) => bail!("expected the module to be {expected} ({message}), but it compiled"),
            Err(error) => self.check_message(&error, message, wording::refusal_matches),
        }
    }

    /// `(assert_unlinkable …)`: the module must compile, and instantiating it fail before any
    /// of it has run.
    fn assert_unlinkable(&mut self, module: &mut Wat<'_>, message: &str) -> Result<()> {
        let definition = compile(&self.engine, module)?;
        match self.instantiate(&definition) {
            Ok(_) => bail!("expected a link error ({message}), but the module was instantiated"),
            Err(error) if threadline::find_trap(&error).is_some() => {
                Err(error.context("expected a link error, but instantiating the module trapped"))
            }
            Err(error) => self.check_message(&error, message, wording::link_error_matches),
        }
    }

    fn execute(&mut self, exec: &mut WastExecute<'_>) -> Result<Outcome> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(invoke),
            WastExecute::Wat(module) => {
                let definition = compile(&self.engine, module)?;
                match self.instantiate(&definition) {
                    Ok(_) => Ok(Outcome::Core(Vec::new())),
                    Err(error) => Outcome::from_error(error),
                }
            }
            WastExecute::Get { module, global, .. } => self.get(*module, global),
        }
    }

    /// `(invoke $i "name" args…)`.
    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Outcome> {
        match self.instances.get(invoke.module, "instance")? {
            Instance::Core(instance) => self.invoke_core(instance, invoke),
            Instance::Component(instance) => self.invoke_component(instance, invoke),
            Instance::Shared(_) => bail!("an instance of another thread can't be called"),
        }
    }

    fn invoke_core(
        &mut self,
        instance: threadline::Instance,
        invoke: &WastInvoke<'_>,
    ) -> Result<Outcome> {
        let func = instance
            .get_func(&mut self.store, invoke.name)
            .ok_or_else(|| anyhow!("there is no exported function `{}`", invoke.name))?;
        let mut args = Vec::with_capacity(invoke.args.len());
        for arg in &invoke.args {
            let WastArg::Core(arg) = arg else {
                bail!("a core function can't take a component value");
            };
            args.push(core_value::from_arg(&mut self.store, arg)?);
        }
        let count = func.ty(&self.store).results().len();
        let mut results = vec![threadline::Val::I32(0); count];
        match func.call(&mut self.store, &args, &mut results) {
            Ok(()) => Ok(Outcome::Core(results)),
            Err(error) => Outcome::from_error(error),
        }
    }

    fn invoke_component(
        &mut self,
        instance: component::Instance,
        invoke: &WastInvoke<'_>,
    ) -> Result<Outcome> {
        let func = instance
            .get_func(&mut self.store, invoke.name)
            .ok_or_else(|| anyhow!("there is no exported function `{}`", invoke.name))?;
        let ty = func.ty(&self.store);
        let mut types = ty.params().map(|(_, ty)| ty);
        let mut args = Vec::with_capacity(invoke.args.len());
        for arg in &invoke.args {
            args.push(component_value::from_arg(arg, types.next().as_ref())?);
        }
        let mut results = vec![component::Val::Bool(false); ty.results().len()];
        self.run_what_is_left();
        match func.call(&mut self.store, &args, &mut results) {
            Ok(()) => Ok(Outcome::Component(results)),
            Err(error) => Outcome::from_error(error),
        }
    }

    /// Lets what earlier calls have left behind go on. If it traps, that is nobody's outcome: its
    /// instance is locked, and who calls that finds out.
    fn run_what_is_left(&mut self) {
        let mut turns = MAX_TURNS;
        while turns > 0 && self.store.run_until_stalled(turns).is_err() {
            turns -= 1;
        }
    }

    /// `(get $i "name")`: an exported global's value.
    fn get(&mut self, instance: Option<Id<'_>>, name: &str) -> Result<Outcome> {
        let Instance::Core(instance) = self.instances.get(instance, "instance")? else {
            bail!("`get` needs a core instance of this thread");
        };
        match instance.get_export(&mut self.store, name) {
            Some(Extern::Global(global)) => Ok(Outcome::Core(vec![global.get(&mut self.store)])),
            Some(_) => bail!("the export `{name}` is not a global"),
            None => bail!("there is no exported global `{name}`"),
        }
    }

    fn instantiate(&mut self, definition: &Definition) -> Result<Instance> {
        match definition {
            Definition::Module(module) => {
                let instance = self.linker.instantiate(&mut self.store, module)?;
                Ok(Instance::Core(instance))
            }
            Definition::Component(component) => {
                let instance = self
                    .component_linker
                    .instantiate(&mut self.store, component)?;
                Ok(Instance::Component(instance))
            }
        }
    }

    fn check_message(
        &self,
        error: &Error,
        expected: &str,
        matches: fn(&str, &str) -> bool,
    ) -> Result<()> {
        let actual = format!("{error:#}");
        ensure!(
            self.options.ignore_messages || matches(&actual, expected),
            "expected an error with `{expected}`, got `{actual}`"
        );
        Ok(())
    }
}

impl<T> Default for Named<T> {
    fn default() -> Named<T> {
        Named {
            by_name: BTreeMap::new(),
            latest: None,
        }
    }
}

impl<T: Clone> Named<T> {
    /// Takes note of a thing, or of why there is none; the reason is handed back.
    fn insert(&mut self, name: Option<Id<'_>>, made: Result<T>) -> Result<()> {
        let noted = made.as_ref().cloned().map_err(|error| format!("{error:#}"));
        if let Some(name) = name {
            self.by_name.insert(name.name().to_owned(), noted.clone());
        }
        self.latest = Some(noted);
        made.map(drop)
    }

    /// The thing of that name, or the latest.
    fn get(&self, name: Option<Id<'_>>, noun: &str) -> Result<T> {
        let made = match name {
            Some(name) => self
                .by_name
                .get(name.name())
                .ok_or_else(|| anyhow!("there is no {noun} `${}`", name.name()))?,
            None => self
                .latest
                .as_ref()
                .ok_or_else(|| anyhow!("there is no {noun} yet"))?,
        };
        made.clone()
            .map_err(|reason| anyhow!("the {noun} this needs could not be made: {reason}"))
    }
}

fn copy_of(definition: &Result<Definition>) -> Result<Definition> {
    match definition {
        Ok(definition) => Ok(definition.clone()),
        Err(error) => Err(anyhow!("{error:#}")),
    }
}

fn compile(engine: &Engine, module: &mut Wat<'_>) -> Result<Definition> {
    let is_component = matches!(module, Wat::Component(_));
    let bytes = module.encode().map_err(text_error)?;
    compile_binary(engine, &bytes, is_component)
}

fn compile_quoted(engine: &Engine, module: &mut QuoteWat<'_>) -> Result<Definition> {
    let is_component = match module {
        QuoteWat::Wat(module) => return compile(engine, module),
        QuoteWat::QuoteModule(..) => false,
        QuoteWat::QuoteComponent(..) => true,
    };
    match module.to_test().map_err(text_error)? {
        QuoteWatTest::Binary(bytes) => compile_binary(engine, &bytes, is_component),
        QuoteWatTest::Text(text) => compile_text(engine, &text, is_component),
    }
}

fn compile_text(engine: &Engine, text: &[u8], is_component: bool) -> Result<Definition> {
    let text = std::str::from_utf8(text).context("malformed UTF-8 encoding")?;
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).map_err(text_error)?;
    let mut wat = wast::parser::parse::<Wat<'_>>(&buffer).map_err(text_error)?;
    let bytes = wat.encode().map_err(text_error)?;
    compile_binary(engine, &bytes, is_component)
}

fn compile_binary(engine: &Engine, bytes: &[u8], is_component: bool) -> Result<Definition> {
    // The API takes text as well, and would take no bytes at all for an empty text.
    ensure!(!MAGIC.starts_with(bytes), "unexpected end");
    ensure!(bytes.starts_with(MAGIC), "magic header not detected");
    Ok(if is_component {
        Definition::Component(Component::new(engine, bytes)?)
    } else {
        Definition::Module(Module::new(engine, bytes)?)
    })
}

/// A parse error without the excerpt of the source that its `Display` draws.
fn text_error(error: wast::Error) -> Error {
    anyhow!("{}", error.message())
}

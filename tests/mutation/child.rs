//! Runs mutants in a child process, and watches it.

use super::Plan;
use super::compile::{engine, is_component};
use anyhow::{Context as _, Result, bail, ensure};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use threadline::component::{self, Component};
use threadline::{Engine, Instance, Module, Store};
use threadline_fuzz::damage::mutant;
use threadline_fuzz::seeds;

/// The number of the first mutant that the child runs.
const FIRST: &str = "THREADLINE_FIRST_MUTANT";
/// How long a mutant may take before it is taken for an endless loop.
const PATIENCE: Duration = Duration::from_millis(1500);
/// How long all may take.
const ALL: Duration = Duration::from_secs(12);

/// The first mutant to run, if this process is a child.
pub(crate) fn first_mutant() -> Option<usize> {
    let first = std::env::var(FIRST).ok()?;
    Some(first.parse().expect("a number that the parent has written"))
}

/// The child: runs the mutants from the first to the last, each after its number is printed.
pub(crate) fn run_from(first: usize, plan: &Plan) {
    let engine = engine().expect("this host is supported");
    let seeds = seeds::all();
    for number in first..seeds.len() * plan.mutants {
        println!("{number}");
        let (_, bytes) = mutant(&seeds, number);
        // Whatever it says: what matters is that we live.
        let _ = if is_component(&bytes) {
            run_component(&engine, &bytes)
        } else {
            run_module(&engine, &bytes)
        };
    }
}

fn run_component(engine: &Engine, bytes: &[u8]) -> Result<()> {
    let component = Component::new(engine, bytes)?;
    let mut store = Store::new(engine, ());
    let mut linker = component::Linker::new(engine);
    for (name, _) in component.component_type().imports() {
        // A function that fails, whatever its type; an instance is left missing.
        linker
            .root()
            .func_new(name, |_, _, _| bail!("no such thing"))?;
    }
    let instance = linker.instantiate(&mut store, &component)?;
    for (name, _) in component.component_type().exports() {
        let Some(func) = instance.get_func(&mut store, name) else {
            continue;
        };
        let ty = func.ty(&store);
        let mut params = Vec::new();
        for (_, ty) in ty.params() {
            params.push(zero(&ty));
        }
        let params: Option<Vec<_>> = params.into_iter().collect();
        let mut results = vec![component::Val::Bool(false); ty.results().len()];
        let _ = func.call(&mut store, &params.context("no zero")?, &mut results);
    }
    Ok(())
}

/// The plainest value of a type.
fn zero(ty: &component::Type) -> Option<component::Val> {
    use component::{Type, Val};
    Some(match ty {
        Type::Bool => Val::Bool(false),
        Type::S32 => Val::S32(0),
        Type::U32 => Val::U32(0),
        Type::S64 => Val::S64(0),
        Type::U64 => Val::U64(0),
        Type::Char => Val::Char('a'),
        Type::String => Val::String(String::from("text")),
        _ => return None,
    })
}

fn run_module(engine: &Engine, bytes: &[u8]) -> Result<()> {
    let module = Module::new(engine, bytes)?;
    ensure!(module.imports().len() == 0, "it has imports");
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let names: Vec<String> = module
        .exports()
        .map(|export| export.name().to_owned())
        .collect();
    for name in names {
        let Some(func) = instance.get_func(&mut store, &name) else {
            continue;
        };
        let ty = func.ty(&store);
        let zeros = |types: &[threadline::ValType]| {
            let zeros = types.iter().map(|&ty| threadline::Val::default_for_ty(ty));
            zeros.collect::<Option<Vec<_>>>().context("no zero")
        };
        let params = zeros(ty.params())?;
        let mut results = zeros(ty.results())?;
        let _ = func.call(&mut store, &params, &mut results);
    }
    Ok(())
}

/// The parent: has all mutants run.
pub(crate) fn all(plan: &Plan) -> Result<()> {
    let begin = Instant::now();
    let (mut first, mut killed) = (0, 0);
    loop {
        match watch(first, plan, begin)? {
            End::Done(last) => {
                println!("mutants up to {last} were run; {killed} had to be stopped");
                ensure!(
                    last > 500,
                    "only {last} mutants were run: the machine is too slow"
                );
                return Ok(());
            }
            End::Stuck(number) => {
                killed += 1;
                first = number + 1;
            }
        }
    }
}

/// How a child ended.
enum End {
    /// It was at this mutant when there was nothing left to do, or no time.
    Done(usize),
    /// This mutant took too long.
    Stuck(usize),
}

fn watch(first: usize, plan: &Plan, begin: Instant) -> Result<End> {
    let mut child = Command::new(std::env::current_exe()?)
        .env(FIRST, first.to_string())
        .env("THREADLINE_MUTATIONS", plan.mutants.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .context("a child process can't be started")?;
    let output = child.stdout.take().context("the child has no output")?;
    let (sender, numbers) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut at = first;
    // The child first makes the seeds.
    let mut patience = Duration::from_secs(20);
    let end = loop {
        match numbers.recv_timeout(patience) {
            Ok(line) => at = line.parse().context("the child said something odd")?,
            Err(mpsc::RecvTimeoutError::Timeout) => break Some(End::Stuck(at)),
            Err(mpsc::RecvTimeoutError::Disconnected) => break None,
        }
        patience = PATIENCE;
        if plan.limited && begin.elapsed() > ALL {
            break Some(End::Done(at));
        }
    };
    if let Some(end) = end {
        child.kill()?;
        child.wait()?;
        return Ok(end);
    }
    let status = child.wait()?;
    ensure!(
        status.success(),
        "mutant {at} took the host with it: {status}"
    );
    Ok(End::Done(at))
}

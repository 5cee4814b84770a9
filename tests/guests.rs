//! Runs the programs of `tests/guests` from C to answer: retargeted and with the stack pointer
//! left in its global, under every context lowering. All must give what the same C gave natively,
//! which is in `tests/guests/answers.txt`.

use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};
use threadline::component::{Component, Linker, Val};
use threadline::{Config, ContextLowering, Engine, Store};
use threadline_retarget::{Options, Wit};

/// The programs of the world `guest`; that of the world `stringy` has the same name.
const PROGRAMS: [&str; 5] = ["tree", "format", "json", "sort", "blend"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests")
}

/// What is known of a program: pairs of an argument and the answer to it.
fn answers(program: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(folder().join("answers.txt")).expect("the answers");
    let answers: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix(program)?.strip_prefix(' '))
        .map(|line| line.split_once(' ').expect("an argument and an answer"))
        .map(|(argument, answer)| (argument.to_owned(), answer.to_owned()))
        .collect();
    assert!(answers.len() > 1, "few answers are known for `{program}`");
    answers
}

/// A program as a component.
fn component(module: &[u8], world: &str, keep_global: bool) -> Result<Vec<u8>> {
    let options = Options {
        keep_global,
        ..Options::default()
    };
    let wit = Wit::Path {
        path: &folder().join("guests.wit"),
        world: Some(world),
    };
    Ok(threadline_retarget::retarget(module, &options, &wit)?.bytes)
}

/// Calls `check` with a program as a component, for each lowering, with the slot and the global.
fn everywhere(
    program: &str,
    world: &str,
    check: impl Fn(&Engine, &Component) -> Result<()>,
) -> Result<()> {
    let module = std::fs::read(folder().join(format!("{program}.wasm")))?;
    for keep_global in [false, true] {
        let bytes = component(&module, world, keep_global)?;
        for lowering in ContextLowering::ALL {
            let engine = Engine::new(Config::new().context_lowering(lowering))?;
            Component::new(&engine, &bytes)
                .and_then(|component| check(&engine, &component))
                .with_context(|| format!("`{program}`, {lowering}, keep_global: {keep_global}"))?;
        }
    }
    Ok(())
}

#[test]
fn every_program_gives_its_known_answers() {
    for program in PROGRAMS {
        let answers = answers(program);
        everywhere(program, "guest", |engine, component| {
            let mut store = Store::new(engine, ());
            let instance = Linker::new(engine).instantiate(&mut store, component)?;
            let run = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "run")?;
            // Twice, for a second task begins where the first left the memory.
            for (n, answer) in answers.iter().chain(&answers) {
                let (found,) = run.call(&mut store, (n.parse()?,))?;
                ensure!(&found.to_string() == answer, "run({n}) is {found}");
            }
            Ok(())
        })
        .unwrap();
    }
}

#[test]
fn a_program_looks_strings_up_in_a_typed_host_function() {
    let answers = answers("stringy");
    everywhere("stringy", "stringy", |engine, component| {
        let mut linker = Linker::<Vec<String>>::new(engine);
        linker
            .root()
            .func_wrap("lookup", |mut store, (key,): (String,)| {
                let answer = format!("<{key}>");
                store.data_mut().push(key);
                Ok((answer,))
            })?;
        let mut store = Store::new(engine, Vec::new());
        let instance = linker.instantiate(&mut store, component)?;
        let greet = instance.get_typed_func::<(&str,), (String,)>(&mut store, "greet")?;
        for (name, answer) in answers.iter().chain(&answers) {
            store.data_mut().clear();
            let (found,) = greet.call(&mut store, (name,))?;
            ensure!(&found == answer, "greet({name}) is {found:?}");
            let keys = ["word4", "word3", "word2", "word1", "word0"];
            ensure!(store.data() == &keys, "it asked for {:?}", store.data());
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_program_looks_strings_up_in_a_dynamic_host_function() {
    let answers = answers("stringy");
    everywhere("stringy", "stringy", |engine, component| {
        let mut linker = Linker::<()>::new(engine);
        linker
            .root()
            .func_new("lookup", |_, params, results| match params {
                [Val::String(key)] => {
                    results[0] = Val::String(format!("<{key}>"));
                    Ok(())
                }
                other => anyhow::bail!("called with {other:?}"),
            })?;
        let mut store = Store::new(engine, ());
        let instance = linker.instantiate(&mut store, component)?;
        let greet = instance
            .get_func(&mut store, "greet")
            .context("no export")?;
        for (name, answer) in answers.iter().chain(&answers) {
            let mut results = [Val::Bool(false)];
            greet.call(&mut store, &[Val::String(name.clone())], &mut results)?;
            ensure!(
                results == [Val::String(answer.clone())],
                "greet({name}) is {results:?}"
            );
        }
        Ok(())
    })
    .unwrap();
}

/// `overlap` suspends tasks that have frames, which needs async functions. When they are built,
/// this test fails and gives way to one that runs it.
#[test]
fn the_program_that_needs_async_functions_is_refused_by_name() {
    let module = wat::parse_file(folder().join("overlap.wat")).unwrap();
    let bytes = component(&module, "overlap", false).unwrap();
    for lowering in ContextLowering::ALL {
        let engine = Engine::new(Config::new().context_lowering(lowering)).unwrap();
        let error = Component::new(&engine, &bytes).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`canon task.return` is not supported yet (at offset 0x40d)"
        );
    }
}

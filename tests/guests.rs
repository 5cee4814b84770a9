//! Runs the programs of `tests/guests` from C to answer: retargeted and with the stack pointer
//! left in its global, under every context lowering. All must give what the same C gave natively,
//! which is in `tests/guests/answers.txt`.

use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};
use threadline::component::{Component, Linker, Val};
use threadline::{Config, ContextLowering, Engine, Schedule, Store};
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

/// Instances of `overlap`, of a component that provides `sleep`, and of one that calls `work` so often
/// at once and counts wrong answers.
fn overlapping_calls(overlap: &[u8]) -> Vec<u8> {
    let overlap = wasmprinter::print_bytes(overlap).expect("a component that was made here");
    let overlap = overlap.replacen("(component", "(component $overlap", 1);
    let text = format!(
        r#"(component
            {overlap}
            (component $sleeper
                (core func $yield (canon thread.yield))
                (core func $return (canon task.return))
                (core module $m
                    (import "" "yield" (func $yield (result i32)))
                    (import "" "return" (func $return))
                    (func (export "sleep") (param $n i32) (local $turns i32)
                        (local.set $turns (i32.add (i32.const 3) (i32.rem_u
                            (i32.mul (local.get $n) (i32.const 7)) (i32.const 5))))
                        (loop $again
                            (drop (call $yield))
                            (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
                            (br_if $again (local.get $turns)))
                        (call $return)))
                (core instance $i (instantiate $m (with "" (instance
                    (export "yield" (func $yield)) (export "return" (func $return))))))
                (func (export "sleep") async (param "n" u32)
                    (canon lift (core func $i "sleep") async)))
            (component $caller
                (import "work" (func $work async (param "n" u32) (result u32)))
                (core module $libc (memory (export "memory") 1))
                (core instance $libc (instantiate $libc))
                (core func $work (canon lower (func $work) async
                    (memory (core memory $libc "memory"))))
                (core func $set (canon waitable-set.new))
                (core func $wait (canon waitable-set.wait (memory (core memory $libc "memory"))))
                (core func $join (canon waitable.join))
                (core func $drop (canon subtask.drop))
                (core module $m
                    (import "" "memory" (memory 1))
                    (import "" "work" (func $work (param i32 i32) (result i32)))
                    (import "" "set" (func $set (result i32)))
                    (import "" "wait" (func $wait (param i32 i32) (result i32)))
                    (import "" "join" (func $join (param i32 i32)))
                    (import "" "drop" (func $drop (param i32)))
                    (func $place (param $n i32) (result i32)
                        (i32.add (i32.const 256) (i32.shl (local.get $n) (i32.const 2))))
                    (func (export "wrong") (param $count i32) (result i32)
                        (local $set i32) (local $n i32) (local $call i32) (local $wrong i32)
                        (local.set $set (call $set))
                        (loop $next
                            (local.set $n (i32.add (local.get $n) (i32.const 1)))
                            (local.set $call
                                (call $work (local.get $n) (call $place (local.get $n))))
                            (call $join (i32.shr_u (local.get $call) (i32.const 4)) (local.get $set))
                            (br_if $next (i32.lt_u (local.get $n) (local.get $count))))
                        (loop $wait
                            (drop (call $wait (local.get $set) (i32.const 0)))
                            (br_if $wait (i32.ne (i32.load (i32.const 4)) (i32.const 2)))
                            (call $drop (i32.load (i32.const 0)))
                            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                            (br_if $wait (local.get $n)))
                        (loop $check
                            (local.set $n (i32.add (local.get $n) (i32.const 1)))
                            (local.set $wrong (i32.add (local.get $wrong) (i32.ne
                                (i32.load (call $place (local.get $n)))
                                (i32.mul (local.get $n) (i32.add (local.get $n) (i32.const 9))))))
                            (br_if $check (i32.lt_u (local.get $n) (local.get $count))))
                        (local.get $wrong)))
                (core instance $i (instantiate $m (with "" (instance
                    (export "memory" (memory $libc "memory"))
                    (export "work" (func $work)) (export "set" (func $set))
                    (export "wait" (func $wait)) (export "join" (func $join))
                    (export "drop" (func $drop))))))
                (func (export "wrong") async (param "count" u32) (result u32)
                    (canon lift (core func $i "wrong"))))
            (instance $sleeper (instantiate $sleeper))
            (instance $overlap (instantiate $overlap
                (with "sleep" (func $sleeper "sleep"))))
            (instance $caller (instantiate $caller (with "work" (func $overlap "work"))))
            (export "wrong" (func $caller "wrong"))
            (export "live-blocks" (func $overlap "live-blocks")))"#
    );
    wat::parse_str(text).expect("a component around it")
}

/// Runs six tasks at once: how many answer wrongly, and how many stacks are in use afterwards.
fn overlap(engine: &Engine, component: &Component, schedule: Schedule) -> Result<(u32, u32)> {
    let mut store = Store::new(engine, ());
    store.set_schedule(schedule);
    let instance = Linker::new(engine).instantiate(&mut store, component)?;
    let wrong = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "wrong")?;
    let live = instance.get_typed_func::<(), (u32,)>(&mut store, "live-blocks")?;
    let (wrong,) = wrong.call(&mut store, (6,))?;
    let (live,) = live.call(&mut store, ())?;
    Ok((wrong, live))
}

#[test]
fn tasks_that_are_suspended_with_frames_keep_them() {
    let module = wat::parse_file(folder().join("overlap.wat")).unwrap();
    let bytes = overlapping_calls(&component(&module, "overlap", false).unwrap());
    for lowering in ContextLowering::ALL {
        let engine = Engine::new(Config::new().context_lowering(lowering)).unwrap();
        let component = Component::new(&engine, &bytes).unwrap();
        for seed in 0..20 {
            let schedules = [Schedule::Fifo, Schedule::Seeded(seed)];
            for schedule in schedules.into_iter().skip(usize::from(seed > 0)) {
                let found = overlap(&engine, &component, schedule.clone()).unwrap();
                assert_eq!(found, (0, 0), "{lowering}, {schedule}");
            }
        }
    }
}

#[test]
fn with_one_stack_pointer_for_all_they_lose_them() {
    let module = wat::parse_file(folder().join("overlap.wat")).unwrap();
    let bytes = overlapping_calls(&component(&module, "overlap", true).unwrap());
    let engine = Engine::default();
    let component = Component::new(&engine, &bytes).unwrap();
    let (wrong, _) = overlap(&engine, &component, Schedule::Fifo).unwrap();
    assert!(
        wrong > 0,
        "six tasks share a stack, and none of them notices"
    );
}

//! `-W unknown-imports-trap`: programs run although nothing provides what they import.
#![allow(missing_docs, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

const MODULE: &str = r#"(module
    (import "env" "log" (func $log (param i32)))
    (func (export "quiet") (result i32) (i32.const 7))
    (func (export "loud") (call $log (i32.const 1))))"#;

const COMPONENT: &str = r#"(component
    (import "wasi:foo/bar@1.2.0" (instance $bar
        (export "r" (type $r (sub resource)))
        (export "baz" (func (param "x" (borrow $r))))
        (export "baz2" (func))))
    (core func $baz2 (canon lower (func $bar "baz2")))
    (core module $m
        (import "" "baz2" (func $baz2))
        (func (export "quiet") (result i32) (i32.const 7))
        (func (export "loud") (call $baz2)))
    (core instance $i (instantiate $m (with "" (instance (export "baz2" (func $baz2))))))
    (func (export "quiet") (result u8) (canon lift (core func $i "quiet")))
    (func (export "loud") (canon lift (core func $i "loud"))))"#;

/// Runs the command in a folder with the file `in.wat`.
fn threadline(text: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("in.wat"), text).expect("a writable folder");
    start(folder.path(), arguments)
}

fn start(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_threadline"));
    command.current_dir(folder).args(arguments);
    command.output().expect("the command starts")
}

#[track_caller]
fn prints(text: &str, arguments: &[&str], expected: &str) {
    let output = threadline(text, arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {message}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[track_caller]
fn refused(text: &str, arguments: &[&str], parts: &[&str]) {
    let output = threadline(text, arguments);
    let message = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {message}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert!(!message.contains("panicked"), "{message}");
    for part in parts {
        assert!(message.contains(part), "{message} lacks {part}");
    }
}

const TRAP: [&str; 2] = ["-W", "unknown-imports-trap"];

#[test]
fn functions_that_nothing_provides_trap_when_they_are_called() {
    let module = "unknown import: `env::log` has not been defined";
    let component = "unknown import: `wasi:foo/bar@1.2.0#baz2` has not been defined";
    for (text, error) in [(MODULE, module), (COMPONENT, component)] {
        let quiet = ["run", "in.wat", "--invoke", "quiet()"];
        prints(text, &[&quiet[..], &TRAP].concat(), "7\n");
        let loud = ["run", "in.wat", "--invoke", "loud()"];
        refused(text, &[&loud[..], &TRAP].concat(), &[error]);
    }
}

#[test]
fn without_the_option_imports_are_refused_and_the_message_tells_of_it() {
    for options in [
        &[][..],
        &["-W", "unknown-imports-trap=no"],
        &[
            "-W",
            "unknown-imports-trap",
            "-W",
            "unknown-imports-trap=no",
        ],
    ] {
        for (text, import) in [(MODULE, "env::log"), (COMPONENT, "wasi:foo/bar@1.2.0")] {
            let run = ["run", "in.wat", "--invoke", "quiet()"];
            let parts = [import, "provides no imports", "-W unknown-imports-trap"];
            refused(text, &[&run[..], options].concat(), &parts);
        }
    }
}

#[test]
fn imports_that_are_no_functions_are_refused_by_name() {
    for (text, import) in [
        (r#"(module (import "env" "m" (memory 1)))"#, "env::m"),
        (r#"(module (import "env" "g" (global i32)))"#, "env::g"),
        (
            r#"(component (import "a:b/m" (core module))
                (import "f" (func)) (export "g" (func 0)))"#,
            "a:b/m",
        ),
    ] {
        let run = ["run", "in.wat"];
        let run = match text.starts_with("(component") {
            true => [&run[..], &["--invoke", "g()"], &TRAP].concat(),
            false => [&run[..], &TRAP].concat(),
        };
        refused(text, &run, &[import, "for functions alone"]);
    }
}

#[test]
fn explore_takes_the_option() {
    let explore = ["explore", "in.wat", "--schedules", "2", "--invoke"];
    let quiet = [&explore[..], &["quiet()"], &TRAP].concat();
    prints(
        COMPONENT,
        &quiet,
        "2 schedules, and first come, first served: 7\n",
    );
    refused(
        COMPONENT,
        &[&explore[..], &["quiet()"]].concat(),
        &["wasi:foo/bar@1.2.0"],
    );
}

#[test]
fn commands_that_link_nothing_refuse_the_option() {
    for command in ["compile", "objdump", "wast"] {
        let arguments = [&[command, "in.wat"][..], &TRAP].concat();
        let parts = [command, "-W unknown-imports-trap", "`run` or `explore`"];
        refused(MODULE, &arguments, &parts);
    }
    refused(
        MODULE,
        &["run", "in.wat", "-W", "unknown-imports"],
        &["unknown-imports-trap"],
    );
}

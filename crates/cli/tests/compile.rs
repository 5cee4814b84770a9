//! `threadline compile`, and running what it makes.
#![allow(missing_docs, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

fn threadline(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_threadline"));
    command.current_dir(folder).args(arguments);
    command.output().expect("the command starts")
}

#[track_caller]
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = threadline(folder, arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {message}");
    String::from_utf8(output.stdout).expect("text")
}

#[track_caller]
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = threadline(folder, arguments);
    let message = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {message}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

const MODULE: &str = r#"(module (func (export "next") (param i32) (result i32)
    (i32.add (local.get 0) (i32.const 1))))"#;

const COMPONENT: &str = r#"(component
    (core module $m (func (export "id") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m))
    (func (export "id") (param "x" u8) (result u8) (canon lift (core func $i "id"))))"#;

#[test]
fn what_is_compiled_runs_as_what_it_was_compiled_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for (name, text, call, result) in [
        ("module", MODULE, "next(41)", "42\n"),
        ("component", COMPONENT, "id(7)", "7\n"),
    ] {
        let input = format!("{name}.wat");
        std::fs::write(folder.join(&input), text).expect("a writable folder");
        assert_eq!(succeeds(folder, &["compile", &input]), "");
        let image = format!("{name}.cwasm");
        let run = |file: &str| {
            let arguments = ["run", "--allow-precompiled", file, "--invoke", call];
            succeeds(folder, &arguments)
        };
        assert_eq!(run(&image), result);
        succeeds(folder, &["compile", &input, "-o", "again"]);
        assert_eq!(run("again"), result);
        // What is no image runs with the option, too.
        assert_eq!(run(&input), result);
    }
}

#[test]
fn the_path_the_size_and_the_time_are_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("m.wat"), MODULE).expect("a writable folder");
    for (arguments, path) in [
        (&["compile", "m.wat"][..], "m.cwasm"),
        (&["compile", "m.wat", "-o", "./other.bin"], "./other.bin"),
    ] {
        let output = threadline(folder, arguments);
        assert!(output.status.success() && output.stdout.is_empty());
        let report = String::from_utf8(output.stderr).expect("text");
        let size = std::fs::metadata(folder.join(path)).expect("a file").len();
        let start = format!("{path}: {size} bytes");
        assert!(report.starts_with(&start), "{report} lacks {start}");
        let (_, time) = report.split_once(", compiled in ").expect("a time");
        let seconds = time.strip_suffix(" s\n").map(str::parse::<f64>);
        assert!(matches!(seconds, Some(Ok(0.0..600.0))), "{report}");
    }
}

#[test]
fn what_cannot_be_compiled_has_no_size() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("m.wat"), "(module (func (result i32)))").expect("a file");
    let message = refused(folder, &["compile", "m.wat"]);
    assert!(!message.contains("compiled in"), "{message}");
    assert!(!folder.join("m.cwasm").exists());
}

#[test]
fn an_image_that_does_not_fit_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("m.wat"), MODULE).expect("a writable folder");
    succeeds(
        folder,
        &["compile", "m.wat", "-C", "context-lowering=inline"],
    );
    let message = refused(folder, &["run", "--allow-precompiled", "m.cwasm"]);
    assert!(message.contains("context lowering: inline"), "{message}");
    succeeds(folder, &["compile", "m.wat"]);
    let image = std::fs::read(folder.join("m.cwasm")).expect("the image");
    std::fs::write(folder.join("short"), &image[..image.len() - 1]).expect("a writable folder");
    let message = refused(folder, &["run", "--allow-precompiled", "short"]);
    assert!(message.contains("cut off"), "{message}");
    let mut damaged = image;
    damaged[400] ^= 1;
    std::fs::write(folder.join("damaged"), damaged).expect("a writable folder");
    let message = refused(folder, &["run", "--allow-precompiled", "damaged"]);
    assert!(message.contains("checksum"), "{message}");
}

#[test]
fn native_code_is_executed_only_if_that_is_allowed_whatever_the_file_is_called() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for (text, call) in [(MODULE, "next(41)"), (COMPONENT, "id(7)")] {
        std::fs::write(folder.join("in.wat"), text).expect("a writable folder");
        for name in ["x.cwasm", "x.wasm", "x.wat", "x", "-x.wasm"] {
            succeeds(folder, &["compile", "in.wat", &format!("--output={name}")]);
            for arguments in [
                &["run", "--invoke", call, "--", name][..],
                &["run", "--", name],
                &["explore", "--invoke", call, "--schedules", "1", "--", name],
            ] {
                let message = refused(folder, arguments);
                assert!(message.contains(name), "{message}");
                assert!(message.contains("native code"), "{message}");
                assert!(message.contains("--allow-precompiled"), "{message}");
            }
        }
        // A link is what it leads to.
        #[cfg(unix)]
        {
            let link = folder.join("link.wasm");
            std::fs::remove_file(&link).ok();
            std::os::unix::fs::symlink(folder.join("x.cwasm"), link).expect("a writable folder");
            let message = refused(folder, &["run", "link.wasm", "--invoke", call]);
            assert!(message.contains("--allow-precompiled"), "{message}");
        }
    }
}

#[test]
fn commands_that_execute_nothing_say_that_they_take_no_native_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("m.wat"), MODULE).expect("a writable folder");
    succeeds(folder, &["compile", "m.wat", "-o", "m.wasm"]);
    for arguments in [
        &["compile", "m.wasm", "-o", "n"][..],
        &["objdump", "m.wasm"],
        &["wast", "m.wasm"],
    ] {
        let output = threadline(folder, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let texts = [output.stdout, output.stderr].concat();
        let texts = String::from_utf8_lossy(&texts);
        assert!(!texts.contains("panicked"), "{texts}");
    }
    let message = refused(folder, &["objdump", "m.wasm"]);
    assert!(message.contains("native code"), "{message}");
}

#[test]
fn an_image_is_explored_if_that_is_allowed() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    std::fs::write(folder.join("c.wat"), COMPONENT).expect("a writable folder");
    succeeds(folder, &["compile", "c.wat"]);
    let arguments = [
        "explore",
        "c.cwasm",
        "--invoke",
        "id(7)",
        "--schedules",
        "3",
    ];
    refused(folder, &arguments);
    let allowed = [&arguments[..], &["--allow-precompiled"]].concat();
    assert!(succeeds(folder, &allowed).contains("3 schedules"));
}

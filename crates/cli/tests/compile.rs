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
        assert_eq!(succeeds(folder, &["run", &image, "--invoke", call]), result);
        succeeds(folder, &["compile", &input, "-o", "again"]);
        assert_eq!(
            succeeds(folder, &["run", "again", "--invoke", call]),
            result
        );
    }
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
    let message = refused(folder, &["run", "m.cwasm"]);
    assert!(message.contains("context lowering: inline"), "{message}");
    succeeds(folder, &["compile", "m.wat"]);
    let image = std::fs::read(folder.join("m.cwasm")).expect("the image");
    std::fs::write(folder.join("short"), &image[..image.len() - 1]).expect("a writable folder");
    let message = refused(folder, &["run", "short"]);
    assert!(message.contains("cut off"), "{message}");
    let mut damaged = image;
    damaged[400] ^= 1;
    std::fs::write(folder.join("damaged"), damaged).expect("a writable folder");
    let message = refused(folder, &["run", "damaged"]);
    assert!(message.contains("checksum"), "{message}");
}

//! What the command says about files and invocations that are wrong: one line that names them, on
//! stderr, and status 1.
#![allow(missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn threadline(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_threadline"));
    command
        .args(arguments)
        .output()
        .expect("the command starts")
}

/// The error of a command that fails in an orderly way.
#[track_caller]
fn refused(arguments: &[&str]) -> String {
    let output = threadline(arguments);
    let message = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {message}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

/// A module and a component to call.
fn samples(folder: &Path) -> (PathBuf, PathBuf) {
    let module = folder.join("module.wat");
    let text = r#"(module (func (export "id") (param i32) (result i32) (local.get 0))
        (func (export "trap") unreachable))"#;
    std::fs::write(&module, text).expect("a writable folder");
    let component = folder.join("component.wat");
    let text = r#"(component
        (core module $m (func (export "id") (param i32) (result i32) (local.get 0)))
        (core instance $i (instantiate $m))
        (func (export "id") (param "x" u8) (result u8) (canon lift (core func $i "id"))))"#;
    std::fs::write(&component, text).expect("a writable folder");
    (module, component)
}

#[test]
fn files_that_are_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing.wasm");
    let missing = missing.to_str().expect("text");
    for command in ["run", "objdump", "retarget"] {
        let arguments: &[&str] = match command {
            "retarget" => &["retarget", missing, "-o", "/dev/null", "--wit", "/dev/null"],
            _ => &[command, missing],
        };
        let message = refused(arguments);
        assert!(message.contains("missing.wasm"), "{command}: {message}");
        assert!(message.contains("No such file"), "{command}: {message}");
    }
    let message = refused(&["run", folder.path().to_str().expect("text")]);
    assert!(message.contains("directory"), "{message}");
    let odd = folder.path().join("odd");
    for (contents, part) in [
        (&b""[..], "odd"),
        (b"\xff\xfe", "no WebAssembly"),
        (b"\0asm", "offset 0x"),
        (b"\0asm\x07\0\0\0", "version"),
        (b"(module\n (fun))", "odd:2:"),
    ] {
        std::fs::write(&odd, contents).expect("a writable folder");
        let message = refused(&["run", odd.to_str().expect("text"), "--invoke", "f()"]);
        assert!(message.contains(part), "{contents:?}: {message}");
    }
}

#[test]
fn invocations_that_do_not_fit() {
    let folder = tempfile::tempdir().expect("a folder");
    let (module, component) = samples(folder.path());
    for (file, invocation, parts) in [
        (&module, "id", &["`id` is no call"][..]),
        (&module, "id(", &["id("]),
        (&module, "id(1, 2)", &["takes 1 arguments", "2 are given"]),
        (&module, "id()", &["takes 1 arguments", "0 are given"]),
        (
            &module,
            "id(4294967296)",
            &["argument 1", "does not fit an i32"],
        ),
        (&module, "id(\"text\")", &["argument 1"]),
        (&module, "none()", &["none"]),
        (&component, "id(256)", &["id"]),
        (&component, "id(true)", &["id"]),
        (&component, "id(1, 2)", &["id"]),
        (&component, "id()", &["id"]),
        (&component, "none()", &["none"]),
        (&component, "a:b/c#id(1)", &["a:b/c"]),
    ] {
        let file = file.to_str().expect("text");
        let message = refused(&["run", file, "--invoke", invocation]);
        for part in parts {
            assert!(
                message.contains(part),
                "{invocation}: {message} lacks {part}"
            );
        }
    }
    let component = component.to_str().expect("text");
    let fine = threadline(&["run", component, "--invoke", "id(255)"]);
    assert_eq!(String::from_utf8_lossy(&fine.stdout).trim(), "255");
    let trapped = threadline(&["run", module.to_str().expect("text"), "--invoke", "trap()"]);
    assert_eq!(trapped.status.code(), Some(134));
}

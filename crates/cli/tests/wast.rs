//! Which proposals `threadline wast` accepts.
#![allow(missing_docs, reason = "tests")]

use std::path::Path;
use std::process::Command;

/// Runs the command on a script: whether it passes, and what is printed.
fn wast(script: &Path, options: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_threadline"));
    let output = command.arg("wast").args(options).arg(script).output();
    let output = output.expect("the command starts");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).expect("text");
    (output.status.success(), text)
}

#[test]
fn every_proposal_that_is_built_is_accepted_unless_it_is_switched_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("script.wast");
    for (proposal, module) in [
        // Off by default.
        ("custom-page-sizes", "(module (memory 0 (pagesize 1)))"),
        (
            "wide-arithmetic",
            "(module (func (param i64 i64 i64 i64) (result i64 i64)
                (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3))))",
        ),
        // On by default.
        ("multi-memory", "(module (memory 1) (memory 1))"),
    ] {
        std::fs::write(&script, module).expect("a writable folder");
        assert_eq!(wast(&script, &[]), (true, "1 passed, 0 failed\n".into()));
        let (passed, text) = wast(&script, &["-W", &format!("{proposal}=no")]);
        assert!(!passed, "{proposal}");
        assert!(
            text.contains(&format!("the {proposal} proposal is switched off")),
            "{text}"
        );
    }
}

#[test]
fn a_proposal_that_is_not_built_stays_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("script.wast");
    std::fs::write(&script, "(module (type (struct)))").expect("a writable folder");
    let (passed, text) = wast(&script, &[]);
    assert!(!passed && text.contains("gc"), "{text}");
    let (passed, text) = wast(&script, &["-W", "gc=yes"]);
    assert!(!passed && text.contains("not supported yet"), "{text}");
}

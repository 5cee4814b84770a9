//! Values that `threadline run --invoke` reads and writes.

use std::process::Command;

const COMPONENT: &str = r#"(component
    (core module $m
        (func (export "sum") (param i32 i32) (result i32)
            (i32.add (local.get 0) (local.get 1)))
        (func (export "same") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m))
    (func (export "sum") (param "x" (list u8 2)) (result u32)
        (canon lift (core func $i "sum")))
    (func (export "same") (param "x" (list (tuple (list s8 1)) 1)) (result (list s8 1))
        (canon lift (core func $i "same"))))"#;

fn run(call: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lists.wat");
    std::fs::write(&path, COMPONENT).expect("a writable folder");
    let run = Command::new(env!("CARGO_BIN_EXE_threadline"))
        .args(["run", path.to_str().expect("text"), "--invoke", call])
        .output()
        .expect("the command starts");
    let text = |bytes| String::from_utf8(bytes).expect("utf-8");
    text(run.stdout) + &text(run.stderr)
}

#[test]
fn lists_with_a_length_are_written_as_lists() {
    assert_eq!(run("sum([1, 200])"), "201\n");
    assert_eq!(run("same([([-3])])"), "[-3]\n");
    let refused = run("sum([1])");
    assert!(refused.contains("`x`"), "{refused}");
}

//! The built-ins of concurrency: what each is flattened to, and its core type, which is the
//! specification's: the module that imports it is validated with the same.

use crate::program::{check, known};
use threadline_environ::{Features, Translation};

/// Checks what a built-in that is imported with this core type is known to be.
#[track_caller]
fn check_builtin(canon: &str, ty: &str, expected: &str) {
    let wat = format!(
        r#"(component
            (core module $libc
                (memory (export "m") 1)
                (memory (export "m64") i64 1)
                (table (export "t") 1 funcref)
                (table (export "t64") i64 1 funcref)
                (func (export "r") (param i32 i32 i32 i32) (result i32) unreachable)
                (func (export "r64") (param i64 i64 i64 i64) (result i64) unreachable))
            (core instance $libc (instantiate $libc))
            (alias core export $libc "m" (core memory $m))
            (alias core export $libc "m64" (core memory $m64))
            (alias core export $libc "t" (core table $t))
            (alias core export $libc "t64" (core table $t64))
            (alias core export $libc "r" (core func $r))
            (alias core export $libc "r64" (core func $r64))
            (core type $start (func (param i32)))
            (core type $start64 (func (param i64)))
            (type $bytes (stream u8))
            (type $s (stream string))
            (type $nothing (stream))
            (type $f (future u8))
            (type $sixteen (tuple {}))
            (type $seventeen (tuple {}))
            (core func $b (canon {canon}))
            (core module $n (import "" "b" (func {ty})))
            (core instance (instantiate $n (with "" (instance (export "b" (func $b)))))))"#,
        ["f32"; 16].join(" "),
        ["f32"; 17].join(" "),
    );
    let known = known(&wat);
    assert_eq!(known.as_deref(), Some(expected), "{canon}");
}

#[test]
fn built_ins_that_know_their_instance() {
    for (canon, ty, signature) in [
        ("task.cancel", "", "() -> ()"),
        ("backpressure.inc", "", "() -> ()"),
        ("backpressure.dec", "", "() -> ()"),
        ("subtask.drop", "(param i32)", "(i32) -> ()"),
        (
            "subtask.cancel",
            "(param i32) (result i32)",
            "(i32) -> (i32)",
        ),
        ("waitable-set.new", "(result i32)", "() -> (i32)"),
        ("waitable-set.drop", "(param i32)", "(i32) -> ()"),
        ("waitable.join", "(param i32 i32)", "(i32, i32) -> ()"),
        ("error-context.drop", "(param i32)", "(i32) -> ()"),
        ("thread.index", "(result i32)", "() -> (i32)"),
        ("thread.resume-later", "(param i32)", "(i32) -> ()"),
        ("thread.suspend", "(result i32)", "() -> (i32)"),
        ("thread.yield", "(result i32)", "() -> (i32)"),
        (
            "thread.suspend-then-resume",
            "(param i32) (result i32)",
            "(i32) -> (i32)",
        ),
        (
            "thread.yield-then-resume",
            "(param i32) (result i32)",
            "(i32) -> (i32)",
        ),
        (
            "thread.suspend-then-promote",
            "(param i32) (result i32)",
            "(i32) -> (i32)",
        ),
        (
            "thread.yield-then-promote",
            "(param i32) (result i32)",
            "(i32) -> (i32)",
        ),
    ] {
        check_builtin(canon, ty, &format!("{canon} in cinstance0: {signature}"));
    }
    check_builtin(
        "subtask.cancel async",
        "(param i32) (result i32)",
        "subtask.cancel async in cinstance0: (i32) -> (i32)",
    );
}

#[test]
fn built_ins_on_ends() {
    for kind in ["stream", "future"] {
        let id = if kind == "stream" { "$bytes" } else { "$f" };
        for (name, after, ty, signature) in [
            ("new", "", "(result i64)", "() -> (i64)"),
            ("forward", "", "(param i32 i32)", "(i32, i32) -> ()"),
            ("drop-readable", "", "(param i32)", "(i32) -> ()"),
            ("drop-writable", "", "(param i32)", "(i32) -> ()"),
            (
                "cancel-read",
                "",
                "(param i32) (result i32)",
                "(i32) -> (i32)",
            ),
            (
                "cancel-write",
                "",
                "(param i32) (result i32)",
                "(i32) -> (i32)",
            ),
            (
                "cancel-read",
                " async",
                "(param i32) (result i32)",
                "(i32) -> (i32)",
            ),
            (
                "cancel-write",
                " async",
                "(param i32) (result i32)",
                "(i32) -> (i32)",
            ),
        ] {
            check_builtin(
                &format!("{kind}.{name} {id}{after}"),
                ty,
                &format!("{kind}.{name} {kind}type0{after} in cinstance0: {signature}"),
            );
        }
    }
}

#[test]
fn built_ins_that_copy() {
    let (memory, memory64) = ("(memory $m)", "(memory $m64)");
    for op in ["read", "write"] {
        for (canon, ty, signature) in [
            (
                format!("stream.{op} $bytes {memory}"),
                "(param i32 i32 i32) (result i32)",
                "streamtype0 options0 in cinstance0: (i32, i32, i32) -> (i32)",
            ),
            (
                format!("stream.{op} $bytes async {memory64}"),
                "(param i32 i64 i64) (result i64)",
                "streamtype0 options0 in cinstance0: (i32, i64, i64) -> (i64)",
            ),
            (
                format!("stream.{op} $s {memory} (realloc $r)"),
                "(param i32 i32 i32) (result i32)",
                "streamtype0 options0 in cinstance0: (i32, i32, i32) -> (i32)",
            ),
            (
                format!("stream.{op} $nothing async"),
                "(param i32 i32 i32) (result i32)",
                "streamtype0 options0 in cinstance0: (i32, i32, i32) -> (i32)",
            ),
            (
                format!("future.{op} $f {memory}"),
                "(param i32 i32) (result i32)",
                "futuretype0 options0 in cinstance0: (i32, i32) -> (i32)",
            ),
            (
                format!("future.{op} $f {memory64}"),
                "(param i32 i64) (result i32)",
                "futuretype0 options0 in cinstance0: (i32, i64) -> (i32)",
            ),
        ] {
            let name = canon.split(' ').next().unwrap();
            check_builtin(&canon, ty, &format!("{name} {signature}"));
        }
    }
}

#[test]
fn built_ins_that_use_memories_and_tables() {
    for (canon, ty, expected) in [
        (
            "waitable-set.wait (memory $m)",
            "(param i32 i32) (result i32)",
            "waitable-set.wait rmemory0 in cinstance0: (i32, i32) -> (i32)",
        ),
        (
            "waitable-set.poll (memory $m64)",
            "(param i32 i64) (result i32)",
            "waitable-set.poll rmemory0 in cinstance0: (i32, i64) -> (i32)",
        ),
        (
            "error-context.new (memory $m)",
            "(param i32 i32) (result i32)",
            "error-context.new options0 in cinstance0: (i32, i32) -> (i32)",
        ),
        (
            "error-context.new (memory $m64)",
            "(param i64 i64) (result i32)",
            "error-context.new options0 in cinstance0: (i64, i64) -> (i32)",
        ),
        (
            "error-context.debug-message (memory $m) (realloc $r)",
            "(param i32 i32)",
            "error-context.debug-message options0 in cinstance0: (i32, i32) -> ()",
        ),
        (
            "thread.new-indirect $start (core table $t)",
            "(param i32 i32) (result i32)",
            "thread.new-indirect rtable0 in cinstance0: (i32, i32) -> (i32)",
        ),
        (
            "thread.new-indirect $start64 (core table $t64)",
            "(param i64 i64) (result i32)",
            "thread.new-indirect rtable0 in cinstance0: (i64, i64) -> (i32)",
        ),
    ] {
        check_builtin(canon, ty, expected);
    }
}

#[test]
fn task_return_takes_up_to_sixteen_flat_values() {
    for (canon, ty, signature) in [
        ("task.return", "", "() -> ()"),
        ("task.return (result f64)", "(param f64)", "(f64) -> ()"),
        (
            "task.return (result string) (memory $m64)",
            "(param i64 i64)",
            "(i64, i64) -> ()",
        ),
    ] {
        check_builtin(
            canon,
            ty,
            &format!("task.return options0 in cinstance0: {signature}"),
        );
    }
    let params = ["f32"; 16];
    check_builtin(
        "task.return (result $sixteen) (memory $m)",
        &format!("(param {})", params.join(" ")),
        &format!(
            "task.return options0 in cinstance0: ({}) -> ()",
            params.join(", ")
        ),
    );
    check_builtin(
        "task.return (result $seventeen) (memory $m)",
        "(param i32)",
        "task.return options0 in cinstance0: (i32) -> ()",
    );
}

#[test]
fn types_of_ends_are_told_apart_by_what_goes_through() {
    check(
        r#"(component
            (type $r (resource (rep i32)))
            (type $a (stream (list (own $r))))
            (type $l (list (own $r)))
            (type $b (stream $l))
            (type $c (stream (list u8)))
            (core func $a (canon stream.new $a))
            (core func $b (canon stream.new $b))
            (core func $c (canon stream.new $c))
            (core module $n (import "" "a" (func (result i64))) (import "" "b" (func (result i64)))
                (import "" "c" (func (result i64))))
            (core instance (instantiate $n (with "" (instance
                (export "a" (func $a)) (export "b" (func $b)) (export "c" (func $c)))))))"#,
        "make resource0
         instantiate rinstance0 = module0 `n` in cinstance0 (trampoline0, trampoline0, trampoline1)
         known module0 func0: stream.new streamtype0 in cinstance0: () -> (i64)
         known module0 func1: stream.new streamtype0 in cinstance0: () -> (i64)
         known module0 func2: stream.new streamtype1 in cinstance0: () -> (i64)",
    );
}

#[test]
fn callbacks_and_tables_are_noted_once() {
    check(
        r#"(component
            (core module $m
                (table (export "t") 1 funcref)
                (func (export "f") (result i32) unreachable)
                (func (export "c") (param i32 i32 i32) (result i32) unreachable))
            (core instance $m (instantiate $m))
            (core type $start (func (param i32)))
            (core func (canon thread.new-indirect $start (core table $m "t")))
            (core func (canon thread.new-indirect $start (core table $m "t")))
            (func (export "f") async
                (canon lift (core func $m "f") async (callback (core func $m "c"))))
            (func (export "g") async
                (canon lift (core func $m "f") async (callback (core func $m "c"))))
            (func (export "h") async (canon lift (core func $m "f") async (callback (core func $m "c")))))"#,
        "instantiate rinstance0 = module0 `m` in cinstance0 ()
         table rtable0 = rinstance0.table0
         callback rcallback0 = rinstance0.func1
         export f: lift rinstance0.func0 options0
         export g: lift rinstance0.func0 options0
         export h: lift rinstance0.func0 options0",
    );
}

/// Whether calls into an instance with these definitions make tasks.
#[track_caller]
fn check_makes_tasks(definitions: &str, expected: bool) {
    let wat = format!(
        r#"(component
            (import "sync" (func $sync))
            (import "async" (func $async async))
            (core module $m (memory (export "m") 1) (func (export "f")))
            (core instance $m (instantiate $m))
            (alias core export $m "m" (core memory $mem))
            (type $s (stream u8))
            {definitions})"#
    );
    let bytes = wat::parse_str(&wat).unwrap();
    let translation = match Translation::parse(&bytes, Features::default()) {
        Ok(translation) => translation,
        Err(error) => panic!("refused: {error}"),
    };
    let component = translation.component.unwrap();
    let makes_tasks: Vec<bool> = component.makes_tasks.values().copied().collect();
    assert_eq!(makes_tasks, [expected], "{definitions}");
}

#[test]
fn an_instance_that_cannot_block_makes_no_tasks() {
    for definitions in [
        "",
        "(core func (canon lower (func $sync)))",
        "(core func (canon lower (func $async) async))",
        "(core func (canon stream.read $s async (memory $mem)))",
        "(core func (canon stream.cancel-write $s async))",
        "(core func (canon subtask.cancel async))",
        "(core func (canon waitable-set.poll (memory $mem)))",
        r#"(func (export "f") (canon lift (core func $m "f")))"#,
    ] {
        check_makes_tasks(definitions, false);
    }
    for definitions in [
        "(core func (canon lower (func $async)))",
        "(core func (canon stream.read $s (memory $mem)))",
        "(core func (canon stream.cancel-write $s))",
        "(core func (canon subtask.cancel))",
        "(core func (canon waitable-set.wait (memory $mem)))",
        "(core func (canon thread.yield))",
        "(core func (canon thread.index))",
        "(core func (canon backpressure.inc))",
        r#"(func (export "f") async (canon lift (core func $m "f") async))"#,
    ] {
        check_makes_tasks(definitions, true);
    }
}

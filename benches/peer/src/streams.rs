//! Rows R1 to R3: streams and futures between guests, the same component on both sides.
//!
//! The writer makes the stream or future, calls the reader with its readable end, writes, and waits
//! for the call's result: how many bytes came, or what value. All reads and writes block.

use crate::calls::{Row, measure_rows};
use crate::host_boundary::Measured;
use crate::{Engines, Runner};
use anyhow::Result;

/// Bytes in a large chunk.
const CHUNK: u32 = 64 << 10;

/// Measures the rows whose names contain `filter`.
pub(crate) fn measure(engines: &Engines, filter: Option<&str>) -> Result<Vec<Measured>> {
    measure_rows(engines, rows(), filter)
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |id, name, target, calls, component, expected| Row {
        id,
        name,
        target,
        calls,
        component,
        expected,
        call: Runner::call_async,
    };
    vec![
        row(
            "R1",
            "stream<u8> guest to guest, chunk of 64 kB (70 GB/s)",
            936.0,
            5_000,
            stream(CHUNK, CHUNK),
            |n| n * CHUNK,
        ),
        row(
            "R2",
            "1-byte writes into a pending 64 kB read",
            12.0,
            4 * CHUNK,
            stream(1, CHUNK),
            |n| n,
        ),
        row(
            "R2",
            "1-byte writes and reads in lockstep",
            50.0,
            20_000,
            stream(1, 1),
            |n| n,
        ),
        row(
            "R3",
            "future<u32> to another component",
            150.0,
            5_000,
            future_across(),
            |n| n,
        ),
        row(
            "R3",
            "future<u32> inside a component",
            50.0,
            5_000,
            future_inside(),
            |n| n,
        ),
    ]
}

/// A memory, full of `x`, whose first bytes are for events.
fn memory() -> String {
    format!(
        r#"(core module $memory
            (memory (export "m") 2)
            (data (i32.const 0) "{}"))
        (core instance $memory (instantiate $memory))"#,
        "x".repeat(CHUNK as usize + 64)
    )
}

/// Built-ins, as text of a component, imports of its core module, and arguments for these.
struct Builtins {
    canon: String,
    imports: String,
    given: String,
}

/// These built-ins: name in the core module, in the component, and core type.
fn builtins(list: &[(&str, &str, &str)]) -> Builtins {
    let mut builtins = Builtins {
        canon: String::new(),
        imports: String::new(),
        given: String::new(),
    };
    for (name, canon, ty) in list {
        builtins.canon += &format!("(canon {canon} (core func ${name}))\n");
        builtins.imports += &format!("(import \"\" \"{name}\" (func ${name} {ty}))\n");
        builtins.given += &format!("(export \"{name}\" (func ${name}))\n");
    }
    builtins
}

/// Built-ins to wait for a subtask or an end.
const WAITING: [(&str, &str, &str); 3] = [
    ("set-new", "waitable-set.new", "(result i32)"),
    ("join", "waitable.join", "(param i32 i32)"),
    (
        "wait",
        r#"waitable-set.wait (memory (core memory $memory "m"))"#,
        "(param i32 i32) (result i32)",
    ),
];

/// A component of a reader, which exports `f` of this type, and a writer, which calls it and exports
/// `run`. Each has its built-ins and its code.
fn pair(
    ty: &str,
    reader: (&[(&str, &str, &str)], &str),
    writer: (&[(&str, &str, &str)], &str),
) -> String {
    let memory = memory();
    let of_reader = builtins(reader.0);
    let of_writer = builtins(&[&WAITING, writer.0].concat());
    format!(
        r#"(component
    (component $reader
        (type $t ({ty}))
        {memory}
        {0}
        (core module $m
            (import "m" "m" (memory 2))
            {1}
            {2})
        (core instance $m (instantiate $m (with "m" (instance $memory)) (with "" (instance {3}))))
        (func (export "f") async (param "end" $t) (result u32) (canon lift (core func $m "f"))))
    (component $writer
        (type $t ({ty}))
        (import "f" (func $f async (param "end" $t) (result u32)))
        {memory}
        {4}
        (canon lower (func $f) async (memory (core memory $memory "m")) (core func $call))
        (canon subtask.drop (core func $drop))
        (core module $m
            (import "m" "m" (memory 2))
            (import "" "call" (func $call (param i32 i32) (result i32)))
            (import "" "drop" (func $drop (param i32)))
            {5}
            (global $waitables (mut i32) (i32.const 0))
            ;; The readable end, whose writable end goes to address 8, as new ones come.
            (func $split (param $ends i64) (result i32)
                (i32.store (i32.const 8) (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
                (i32.wrap_i64 (local.get $ends)))
            ;; Waits for the reader, which has started.
            (func $finish (param $packed i32) (result i32)
                (if (i32.ne (i32.and (local.get $packed) (i32.const 15)) (i32.const 1))
                    (then unreachable))
                (if (i32.eqz (global.get $waitables))
                    (then (global.set $waitables (call $set-new))))
                (call $join (i32.shr_u (local.get $packed) (i32.const 4)) (global.get $waitables))
                (if (i32.ne (call $wait (global.get $waitables) (i32.const 0)) (i32.const 1))
                    (then unreachable))
                (if (i32.ne (i32.load (i32.const 4)) (i32.const 2)) (then unreachable))
                (call $drop (i32.load (i32.const 0)))
                (i32.load (i32.const 16)))
            {6})
        (core instance $m (instantiate $m
            (with "m" (instance $memory))
            (with "" (instance
                (export "call" (func $call)) (export "drop" (func $drop)) {7}))))
        (func (export "run") async (param "n" u32) (result u32) (canon lift (core func $m "run"))))
    (instance $reader (instantiate $reader))
    (instance $writer (instantiate $writer (with "f" (func $reader "f"))))
    (export "run" (func $writer "run")))"#,
        of_reader.canon,
        of_reader.imports,
        reader.1,
        of_reader.given,
        of_writer.canon,
        of_writer.imports,
        writer.1,
        of_writer.given,
    )
}

/// So many writes of a length, into reads of another.
fn stream(write: u32, read: u32) -> String {
    let reader = format!(
        r#"(func (export "f") (param $end i32) (result i32)
            (local $packed i32) (local $sum i32)
            (loop $again
                (i32.store8 (i32.const 64) (i32.const 0))
                (local.set $packed (call $read (local.get $end) (i32.const 64) (i32.const {read})))
                (if (i32.shr_u (local.get $packed) (i32.const 4))
                    (then (if (i32.ne (i32.load8_u (i32.const 64)) (i32.const 120 (; x ;)))
                        (then unreachable))))
                (local.set $sum (i32.add (local.get $sum)
                    (i32.shr_u (local.get $packed) (i32.const 4))))
                (br_if $again (i32.eqz (i32.and (local.get $packed) (i32.const 15)))))
            (call $drop-readable (local.get $end))
            (local.get $sum))"#
    );
    let writer = format!(
        r#"(func (export "run") (param $n i32) (result i32)
            (local $subtask i32) (local $end i32)
            (local.set $subtask (call $call (call $split (call $new)) (i32.const 16)))
            (local.set $end (i32.load (i32.const 8)))
            (loop $again
                (if (i32.ne
                        (call $write (local.get $end) (i32.const 64) (i32.const {write}))
                        (i32.const {}))
                    (then unreachable))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (call $drop-writable (local.get $end))
            (call $finish (local.get $subtask)))"#,
        write << 4
    );
    pair(
        "stream u8",
        (
            &[
                (
                    "read",
                    r#"stream.read $t (memory (core memory $memory "m"))"#,
                    "(param i32 i32 i32) (result i32)",
                ),
                ("drop-readable", "stream.drop-readable $t", "(param i32)"),
            ],
            &reader,
        ),
        (
            &[
                ("new", "stream.new $t", "(result i64)"),
                (
                    "write",
                    r#"stream.write $t (memory (core memory $memory "m"))"#,
                    "(param i32 i32 i32) (result i32)",
                ),
                ("drop-writable", "stream.drop-writable $t", "(param i32)"),
            ],
            &writer,
        ),
    )
}

/// Each time, the reader's answer is one more than what it reads.
fn future_across() -> String {
    pair(
        "future u32",
        (
            &[
                (
                    "read",
                    r#"future.read $t (memory (core memory $memory "m"))"#,
                    "(param i32 i32) (result i32)",
                ),
                ("drop-readable", "future.drop-readable $t", "(param i32)"),
            ],
            r#"(func (export "f") (param $end i32) (result i32)
                (if (call $read (local.get $end) (i32.const 32)) (then unreachable))
                (call $drop-readable (local.get $end))
                (i32.add (i32.load (i32.const 32)) (i32.const 1)))"#,
        ),
        (
            &[
                ("new", "future.new $t", "(result i64)"),
                (
                    "write",
                    r#"future.write $t (memory (core memory $memory "m"))"#,
                    "(param i32 i32) (result i32)",
                ),
                ("drop-writable", "future.drop-writable $t", "(param i32)"),
            ],
            r#"(func (export "run") (param $n i32) (result i32)
                (local $subtask i32) (local $sum i32)
                (loop $again
                    (local.set $subtask (call $call (call $split (call $new)) (i32.const 16)))
                    (i32.store (i32.const 32) (local.get $sum))
                    (if (call $write (i32.load (i32.const 8)) (i32.const 32)) (then unreachable))
                    (call $drop-writable (i32.load (i32.const 8)))
                    (local.set $sum (call $finish (local.get $subtask)))
                    (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (local.get $sum))"#,
        ),
    )
}

/// One end is read, which has to wait; the other is written; the event of the first is taken.
fn future_inside() -> String {
    let memory = memory();
    let builtins = builtins(
        &[
            &WAITING[..],
            &[
                ("new", "future.new $t", "(result i64)"),
                (
                    "read",
                    r#"future.read $t async (memory (core memory $memory "m"))"#,
                    "(param i32 i32) (result i32)",
                ),
                (
                    "write",
                    r#"future.write $t async (memory (core memory $memory "m"))"#,
                    "(param i32 i32) (result i32)",
                ),
                ("drop-readable", "future.drop-readable $t", "(param i32)"),
                ("drop-writable", "future.drop-writable $t", "(param i32)"),
            ],
        ]
        .concat(),
    );
    format!(
        r#"(component
    (type $t (future u32))
    {memory}
    {}
    (core module $m
        (import "m" "m" (memory 2))
        {}
        (func (export "run") (param $n i32) (result i32)
            (local $ends i64) (local $readable i32) (local $writable i32) (local $waitables i32)
            (local $sum i32)
            (local.set $waitables (call $set-new))
            (loop $again
                (local.set $ends (call $new))
                (local.set $readable (i32.wrap_i64 (local.get $ends)))
                (local.set $writable
                    (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
                (if (i32.ne (call $read (local.get $readable) (i32.const 32)) (i32.const -1 (; BLOCKED ;)))
                    (then unreachable))
                (call $join (local.get $readable) (local.get $waitables))
                (i32.store (i32.const 40) (i32.add (local.get $sum) (i32.const 1)))
                (if (call $write (local.get $writable) (i32.const 40)) (then unreachable))
                (if (i32.ne
                        (call $wait (local.get $waitables) (i32.const 0))
                        (i32.const 4 (; FUTURE_READ ;)))
                    (then unreachable))
                (local.set $sum (i32.load (i32.const 32)))
                (call $drop-readable (local.get $readable))
                (call $drop-writable (local.get $writable))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $sum)))
    (core instance $m (instantiate $m (with "m" (instance $memory)) (with "" (instance {}))))
    (func (export "run") async (param "n" u32) (result u32) (canon lift (core func $m "run"))))"#,
        builtins.canon, builtins.imports, builtins.given
    )
}

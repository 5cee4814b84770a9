//! Rows S1 to S6: synchronous calls from component to component, the same component on both sides.
//!
//! Each row is a component of components: callees, and a caller with a loop, so that entering the
//! guest doesn't count. What the loop computes depends on what each call returns, and must be what
//! is computed here. Callee and caller use no options but those that the values need.

use crate::host_boundary::Measured;
use crate::measure::{Subject, alternate};
use crate::{Engines, Runner};
use anyhow::{Context as _, Result, bail, ensure};

/// Rounds of each row.
const ROUNDS: usize = 41;

/// How long a profiler looks.
const PROFILE_SECONDS: u64 = 3;

/// Callees that a chain goes through.
const CHAIN: u32 = 4;

/// A row whose loop is in the guest.
pub(crate) struct Row {
    /// Its name in the list of targets.
    pub(crate) id: &'static str,
    /// What it does.
    pub(crate) name: &'static str,
    /// Nanoseconds for each of its operations, at most.
    pub(crate) target: f64,
    /// Operations in one round.
    pub(crate) calls: u32,
    /// Exports `run`.
    pub(crate) component: String,
    /// What the loop returns after so many.
    pub(crate) expected: fn(u32) -> u32,
    /// How the loop is called.
    pub(crate) call: fn(&mut Runner, u32) -> u64,
}

/// Measures the rows of synchronous calls whose names contain `filter`.
pub(crate) fn measure(engines: &Engines, filter: Option<&str>) -> Result<Vec<Measured>> {
    measure_rows(engines, rows(), filter)
}

/// Measures those of the rows whose names contain `filter`.
pub(crate) fn measure_rows(
    engines: &Engines,
    rows: Vec<Row>,
    filter: Option<&str>,
) -> Result<Vec<Measured>> {
    let mut measured = Vec::new();
    for row in rows {
        let full_name = format!("{} {}", row.id, row.name);
        if filter.is_some_and(|word| !full_name.contains(word)) {
            continue;
        }
        measured.push(measure_row(engines, &row).context(full_name)?);
    }
    Ok(measured)
}

/// Runs our side of the first row whose name contains `filter` for some seconds, for a profiler.
pub(crate) fn run_ours(engines: &Engines, rows: Vec<Row>, filter: &str) -> Result<bool> {
    let mut rows = rows.into_iter();
    let Some(row) = rows.find(|row| format!("{} {}", row.id, row.name).contains(filter)) else {
        return Ok(false);
    };
    let mut runner = engines.ours(&wat::parse_str(&row.component)?)?;
    let start = std::time::Instant::now();
    while start.elapsed().as_secs() < PROFILE_SECONDS {
        let result = (row.call)(&mut runner, row.calls);
        ensure!(result == u64::from((row.expected)(row.calls)));
    }
    Ok(true)
}

fn measure_row(engines: &Engines, row: &Row) -> Result<Measured> {
    let bytes = wat::parse_str(&row.component)?;
    let mut sides = [
        ("ours", engines.ours(&bytes)?),
        ("peer", engines.peer(&bytes)?),
    ];
    let expected = u64::from((row.expected)(row.calls));
    for (name, side) in &mut sides {
        let result = (row.call)(side, row.calls);
        ensure!(result == expected, "{name}: {result} instead of {expected}");
    }
    let mut subjects = sides.each_mut().map(|(name, side): &mut (_, Runner)| {
        Subject::new(*name, move || (row.call)(side, row.calls))
    });
    let Ok(timings) = alternate(&mut subjects, ROUNDS, row.calls.into()).try_into() else {
        bail!("two subjects give two timings");
    };
    Ok(Measured {
        id: row.id,
        name: row.name,
        target: row.target,
        timings,
    })
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |id, name, target, calls, component, expected| Row {
        id,
        name,
        target,
        calls,
        component,
        expected,
        call: Runner::call,
    };
    vec![
        row(
            "S1",
            "(u32, u32) -> u32",
            1.3,
            100_000,
            scalars(""),
            sum_below,
        ),
        row(
            "S1",
            "the same, not inlined",
            1.3,
            100_000,
            scalars(&trap_at_minus_one(1)),
            sum_below,
        ),
        row("S2", "record of 8 in", 2.5, 100_000, record_in(""), |n| {
            (0..n).fold(0, |sum, i| sum ^ (8 * i + 28))
        }),
        row(
            "S2",
            "the same, not inlined",
            2.5,
            100_000,
            record_in(&trap_at_minus_one(0)),
            |n| (0..n).fold(0, |sum, i| sum ^ (8 * i + 28)),
        ),
        row("S2", "record of 8 out", 4.0, 100_000, record_out(), |n| {
            (0..n).fold(0, |sum, i| sum ^ (8 * i + 28))
        }),
        row("S3", "method with a borrow", 12.0, 20_000, method(), |n| {
            42 * n
        }),
        row("S3", "own in and out", 20.0, 20_000, own(), |n| n),
        row("S4", "chain through 4", 5.0, 50_000, chain(), |n| CHAIN * n),
        row(
            "S5",
            "string of 100 bytes in",
            10.0,
            50_000,
            string(100),
            |n| 101 * n,
        ),
        row(
            "S5",
            "string of 10 kB in",
            210.0,
            5_000,
            string(10_000),
            |n| 10_001 * n,
        ),
        row("S6", "list<u8> of 64 kB in", 900.0, 500, list_in(), |n| {
            65_537 * n
        }),
        row("S6", "list<u8> of 64 kB out", 900.0, 500, list_out(), |n| {
            65_537 * n
        }),
    ]
}

fn sum_below(n: u32) -> u32 {
    (0..n).fold(0, u32::wrapping_add)
}

/// Bytes that are passed, at [`BYTES`]: a `y` and many times `x`.
const LENGTH: usize = 64 << 10;
const BYTES: usize = 128 << 10;

/// Memory, with what is passed, and `realloc`, which always gives the same place.
fn allocator() -> String {
    let rest = "x".repeat(LENGTH - 1);
    format!(
        r#"(memory (export "memory") 4)
        (data (i32.const {BYTES}) "y{rest}")
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))"#
    )
}

/// One callee and one caller of a function `f`.
struct Pair<'a> {
    /// How callee and caller define the types that `ty` refers to.
    types: [&'a str; 2],
    /// What the caller is given of them.
    given: &'a str,
    /// The function's type.
    ty: &'a str,
    /// Core functions of the callee: `f`.
    callee: &'a str,
    /// Options of its `lift`.
    lift: &'a str,
    /// The core type of what the caller calls.
    core_ty: &'a str,
    /// Options of its `lower`.
    lower: &'a str,
    /// The body of its loop: `$i` is the number of the call, `$sum` what is returned in the end.
    each: &'a str,
}

/// Options of `lift` and `lower`.
const NONE: &str = "";
const MEMORY: &str = r#"(memory (core memory $i "memory"))"#;
const REALLOC: &str = r#"(memory (core memory $i "memory")) (realloc (core func $i "realloc"))"#;

impl Pair<'_> {
    fn component(&self) -> String {
        let Pair {
            types: [exported, imported],
            given,
            ty,
            callee,
            lift,
            core_ty,
            lower,
            each,
        } = self;
        let run = run(each);
        let allocator = allocator();
        format!(
            r#"(component
    (component $callee
        {exported}
        (core module $m {allocator} {callee})
        (core instance $i (instantiate $m))
        (func (export "f") {ty} (canon lift (core func $i "f") {lift})))
    (component $caller
        {imported}
        (import "f" (func $f {ty}))
        (core module $allocator {allocator})
        (core instance $i (instantiate $allocator))
        (core func $f' (canon lower (func $f) {lower}))
        (core module $m
            (import "i" "memory" (memory 4))
            (import "i" "f" (func $f {core_ty}))
            {run})
        (core instance $m (instantiate $m (with "i" (instance
            (export "memory" (memory $i "memory"))
            (export "f" (func $f'))))))
        (func (export "run") (param "n" u32) (result u32) (canon lift (core func $m "run"))))
    (instance $callee (instantiate $callee))
    (instance $caller (instantiate $caller {given} (with "f" (func $callee "f"))))
    (export "run" (func $caller "run")))"#
        )
    }
}

/// A core function `run`, which does something so many times.
fn run(each: &str) -> String {
    format!(
        r#"(func (export "run") (param $n i32) (result i32)
    (local $i i32) (local $sum i32) (local $handle i32) (local $at i32) (local $length i32)
    (loop $again
        {each}
        (br_if $again (i32.lt_u
            (local.tee $i (i32.add (local.get $i) (i32.const 1)))
            (local.get $n))))
    (local.get $sum))"#
    )
}

/// Something that never happens; a function that has it isn't inlined.
fn trap_at_minus_one(param: u32) -> String {
    format!("(if (i32.eq (local.get {param}) (i32.const -1)) (then unreachable))")
}

fn scalars(first: &str) -> String {
    Pair {
        types: ["", ""],
        given: "",
        ty: r#"(param "a" u32) (param "b" u32) (result u32)"#,
        callee: &format!(
            r#"(func (export "f") (param i32 i32) (result i32)
            {first} (i32.add (local.get 0) (local.get 1)))"#
        ),
        lift: NONE,
        core_ty: "(param i32 i32) (result i32)",
        lower: NONE,
        each: "(local.set $sum (call $f (local.get $sum) (local.get $i)))",
    }
    .component()
}

/// A pair with a record of eight numbers, `$r`.
fn with_record(pair: Pair<'_>) -> String {
    let fields: String = (0..8).map(|i| format!(" (field \"f{i}\" u32)")).collect();
    let record = format!("(type $record (record{fields}))");
    Pair {
        types: [
            &format!(r#"{record} (export $r "r" (type $record))"#),
            &format!(r#"{record} (import "r" (type $r (eq $record)))"#),
        ],
        given: r#"(with "r" (type $callee "r"))"#,
        ..pair
    }
    .component()
}

fn record_in(first: &str) -> String {
    let add_all = "(i32.add ".repeat(7);
    let fields: String = (1..8).map(|i| format!(" (local.get {i}))")).collect();
    let arg = |i| format!(" (i32.add (local.get $i) (i32.const {i}))");
    let args: String = (0..8).map(arg).collect();
    with_record(Pair {
        types: ["", ""],
        given: "",
        ty: r#"(param "r" $r) (result u32)"#,
        callee: &format!(
            r#"(func (export "f") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
            {first} {add_all}(local.get 0){fields})"#
        ),
        lift: NONE,
        core_ty: "(param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)",
        lower: NONE,
        each: &format!("(local.set $sum (i32.xor (local.get $sum) (call $f{args})))"),
    })
}

fn record_out() -> String {
    let store = |i| {
        let value = format!("(i32.add (local.get 0) (i32.const {i}))");
        format!("(i32.store offset={} (i32.const 1024) {value})\n", 4 * i)
    };
    let stores: String = (0..8).map(store).collect();
    let add_all = "(i32.add ".repeat(7);
    let load = |i| format!(" (i32.load offset={} (i32.const 512)))", 4 * i);
    let loads: String = (1..8).map(load).collect();
    with_record(Pair {
        types: ["", ""],
        given: "",
        ty: r#"(param "n" u32) (result $r)"#,
        callee: &format!(
            r#"(func (export "f") (param i32) (result i32) {stores} (i32.const 1024))"#
        ),
        lift: MEMORY,
        core_ty: "(param i32 i32)",
        lower: MEMORY,
        each: &format!(
            "(call $f (local.get $i) (i32.const 512))
            (local.set $sum (i32.xor (local.get $sum)
                {add_all}(i32.load (i32.const 512)){loads}))"
        ),
    })
}

/// The length, and the difference of the first byte and the last one, which is 1.
const LOOK: &str = "(i32.add
    (local.get $length)
    (i32.sub
        (i32.load8_u (local.get $at))
        (i32.load8_u (i32.sub (i32.add (local.get $at) (local.get $length)) (i32.const 1)))))";

/// A pair whose callee gets so many bytes as a value of a type.
fn bytes_in(ty: &str, length: usize) -> String {
    Pair {
        types: ["", ""],
        given: "",
        ty: &format!(r#"(param "s" {ty}) (result u32)"#),
        callee: &format!(
            r#"(func (export "f") (param $at i32) (param $length i32) (result i32) {LOOK})"#
        ),
        lift: REALLOC,
        core_ty: "(param i32 i32) (result i32)",
        lower: MEMORY,
        each: &format!(
            "(local.set $sum (i32.add (local.get $sum)
                (call $f (i32.const {BYTES}) (i32.const {length}))))"
        ),
    }
    .component()
}

fn string(length: usize) -> String {
    bytes_in("string", length)
}

fn list_in() -> String {
    bytes_in("(list u8)", LENGTH)
}

fn list_out() -> String {
    Pair {
        types: ["", ""],
        given: "",
        ty: "(result (list u8))",
        callee: &format!(
            r#"(func (export "f") (result i32)
                (i32.store (i32.const 1024) (i32.const {BYTES}))
                (i32.store (i32.const 1028) (i32.const {LENGTH}))
                (i32.const 1024))"#
        ),
        lift: MEMORY,
        core_ty: "(param i32)",
        lower: REALLOC,
        each: &format!(
            "(call $f (i32.const 512))
            (local.set $at (i32.load (i32.const 512)))
            (local.set $length (i32.load (i32.const 516)))
            (local.set $sum (i32.add (local.get $sum) {LOOK}))"
        ),
    }
    .component()
}

/// Each component of the chain adds one to what the next one gives.
fn chain() -> String {
    const TYPE: &str = r#"(param "n" u32) (result u32)"#;
    const ADD_ONE: &str = "(i32.add (i32.const 1)";
    let run = run("(local.set $sum (call $f (local.get $sum)))");
    let mut text = String::from("(component\n");
    for i in 0..=CHAIN {
        let (name, code) = match i {
            CHAIN => ("run", run.clone()),
            0 => (
                "f",
                format!(r#"(func (export "f") (param i32) (result i32) {ADD_ONE} (local.get 0)))"#),
            ),
            _ => (
                "f",
                format!(
                    r#"(func (export "f") (param i32) (result i32) {ADD_ONE} (call $f (local.get 0))))"#
                ),
            ),
        };
        let (import, core_import, core_given, given) = match i {
            0 => (String::new(), "", "", String::new()),
            _ => (
                format!("(import \"f\" (func $f {TYPE})) (core func $f' (canon lower (func $f)))"),
                r#"(import "i" "f" (func $f (param i32) (result i32)))"#,
                r#"(with "i" (instance (export "f" (func $f'))))"#,
                format!(r#"(with "f" (func $c{} "f"))"#, i - 1),
            ),
        };
        text.push_str(&format!(
            r#"(component $c{i}
                {import}
                (core module $m {core_import} {code})
                (core instance $m (instantiate $m {core_given}))
                (func (export "{name}") {TYPE} (canon lift (core func $m "{name}"))))
            (instance $c{i} (instantiate $c{i} {given}))
            "#
        ));
    }
    text.push_str(&format!(r#"(export "run" (func $c{CHAIN} "run")))"#));
    text
}

/// A component that defines a resource, and one that has one of it.
fn with_resource(each: &str) -> String {
    let run = run(&format!(
        "(if (i32.eqz (local.get $handle)) (then (local.set $handle (call $new))))
        {each}"
    ));
    format!(
        r#"(component
    (component $callee
        (type $r (resource (rep i32)))
        (core func $new (canon resource.new $r))
        (core module $m
            (import "" "new" (func $new (param i32) (result i32)))
            (func (export "new") (result i32) (call $new (i32.const 42)))
            (func (export "get") (param $rep i32) (result i32) (local.get $rep))
            (func (export "pass") (param $handle i32) (result i32) (local.get $handle)))
        (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
        (export $s "r" (type $r))
        (func (export "[constructor]r") (result (own $s)) (canon lift (core func $i "new")))
        (func (export "[method]r.get") (param "self" (borrow $s)) (result u32)
            (canon lift (core func $i "get")))
        (func (export "[static]r.pass") (param "r" (own $s)) (result (own $s))
            (canon lift (core func $i "pass"))))
    (component $caller
        (import "callee" (instance $callee
            (export "r" (type $r (sub resource)))
            (export "[constructor]r" (func (result (own $r))))
            (export "[method]r.get" (func (param "self" (borrow $r)) (result u32)))
            (export "[static]r.pass" (func (param "r" (own $r)) (result (own $r))))))
        (core func $new (canon lower (func $callee "[constructor]r")))
        (core func $get (canon lower (func $callee "[method]r.get")))
        (core func $pass (canon lower (func $callee "[static]r.pass")))
        (core module $m
            (import "r" "new" (func $new (result i32)))
            (import "r" "get" (func $get (param i32) (result i32)))
            (import "r" "pass" (func $pass (param i32) (result i32)))
            {run})
        (core instance $m (instantiate $m (with "r" (instance
            (export "new" (func $new))
            (export "get" (func $get))
            (export "pass" (func $pass))))))
        (func (export "run") (param "n" u32) (result u32) (canon lift (core func $m "run"))))
    (instance $callee (instantiate $callee))
    (instance $caller (instantiate $caller (with "callee" (instance $callee))))
    (export "run" (func $caller "run")))"#
    )
}

fn method() -> String {
    with_resource("(local.set $sum (i32.add (local.get $sum) (call $get (local.get $handle))))")
}

fn own() -> String {
    with_resource(
        "(local.set $handle (call $pass (local.get $handle)))
        (local.set $sum (i32.add (local.get $sum) (i32.ne (local.get $handle) (i32.const 0))))",
    )
}

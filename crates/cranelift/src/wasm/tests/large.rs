//! Functions with many locals and blocks. What is asserted are counts, which time and memory
//! follow.

use super::{Setup, compile};

/// A function with so many locals, each set in a block of its own and read at the end.
fn many(locals: usize) -> String {
    let declared = "i32 ".repeat(locals);
    let set: String = (0..locals)
        .map(|i| format!("(if (local.get $p) (then (local.set $p (local.get {i}))))\n"))
        .collect();
    format!("(module (func (param $p i32) (local {declared}) {set}))")
}

#[test]
fn as_many_locals_and_blocks_as_compilers_write_make_variables() {
    let compiled = compile(&many(1000));
    assert!(!compiled[0].clif.contains("explicit_slot"));
}

#[test]
fn clif_is_in_proportion_to_wasm_with_however_many_locals_and_blocks() {
    let [small, large] = [4000, 8000].map(|locals| compile(&many(locals))[0].clif.len());
    assert!(large < small * 3, "{small} bytes, then {large}");
}

#[test]
fn locals_on_the_stack_start_at_zero_and_parameters_with_their_value() {
    let compiled = compile(&many(4000));
    assert!(compiled[0].clif.contains("explicit_slot"));
    // One for each local and for the parameter, and one for each that is set.
    assert_eq!(
        compiled[0].clif.matches("store notrap").count(),
        4001 + 4000
    );
}

/// As many locals as there may be, of which three are used.
#[test]
fn locals_that_are_not_used_become_nothing() {
    let (locals, used) = ("i32 ".repeat(49_997), "v128 ".repeat(2));
    let compiled = compile(&format!(
        "(module (func (param i32) (result i32) (local {locals} {used})
            (local.set 49997 (local.get 0)) (drop (local.get 49999)) (local.get 49997)))"
    ));
    let clif = &compiled[0].clif;
    assert!(clif.lines().count() < 20, "{clif}");
}

/// A function of one `try_table` with these clauses, or of several in each other with one each,
/// around so many calls.
fn handlers(clauses: &[&str], nested: bool, calls: usize) -> String {
    let calls = "(call $f) ".repeat(calls);
    let open: String = match nested {
        true => clauses
            .iter()
            .map(|clause| format!("(try_table ({clause} $h) "))
            .collect(),
        false => {
            let clauses: String = clauses
                .iter()
                .map(|clause| format!("({clause} $h) "))
                .collect();
            format!("(try_table {clauses}")
        }
    };
    let close = ")".repeat(if nested { clauses.len() } else { 1 });
    let tags: String = (0..400).map(|i| format!("(tag $t{i})")).collect();
    format!(r#"(module (import "" "f" (func $f)) {tags} (func (block $h {open}{calls}{close})))"#)
}

/// How many edges all calls have together that exceptions take.
fn edges(wat: &str) -> usize {
    let compiled = compile(wat);
    let lines = compiled[0].clif.lines();
    let calls = lines.filter(|line| line.contains("try_call"));
    calls.map(|line| line.matches("(exn0, exn1)").count()).sum()
}

#[test]
fn clauses_that_others_catch_everything_before_have_no_edges() {
    let same = ["catch $t0"; 50];
    let two: Vec<&str> = (0..50).map(|i| ["catch $t0", "catch $t1"][i % 2]).collect();
    let behind_all = [
        "catch $t0",
        "catch_all",
        "catch $t1",
        "catch $t2",
        "catch_all",
    ];
    for nested in [true, false] {
        assert_eq!(edges(&handlers(&same, nested, 20)), 20);
        assert_eq!(edges(&handlers(&two, nested, 20)), 40);
    }
    assert_eq!(edges(&handlers(&behind_all, false, 7)), 2 * 7);
    // From the inside: `catch_all` is the innermost.
    assert_eq!(edges(&handlers(&behind_all, true, 7)), 7);
}

#[test]
fn clauses_times_calls_are_refused_beyond_a_limit() {
    let clauses: Vec<String> = (0..400).map(|i| format!("catch $t{i}")).collect();
    let clauses: Vec<&str> = clauses.iter().map(String::as_str).collect();
    for nested in [true, false] {
        let wat = handlers(&clauses, nested, 2000);
        let error = Setup::default().compile(&wat).err().unwrap().to_string();
        assert!(error.contains("exception handlers"), "{error}");
    }
    assert_eq!(edges(&handlers(&clauses, false, 20)), 400 * 20);
}

#[test]
fn calls_that_pass_values_out_of_proportion_are_refused() {
    let wide = "i32 ".repeat(1000);
    for (ty, begin, call) in [
        (
            format!("(param {wide}) (result {wide})"),
            "local.get 0 ".repeat(1000),
            "call $f ",
        ),
        (format!("(result {wide})"), String::new(), "call $f "),
        (
            format!("(result {wide})"),
            String::new(),
            "i32.const 0 call_indirect (type $t) ",
        ),
        (
            format!("(result {wide})"),
            String::new(),
            "ref.null $t call_ref $t ",
        ),
    ] {
        let calls = call.repeat(1200);
        let wat = format!(
            r#"(module (type $t (func {ty})) (import "" "f" (func $f (type $t))) (table 1 funcref)
                (func (param i32) {begin} {calls} unreachable))"#
        );
        let error = Setup::default().compile(&wat).err().unwrap().to_string();
        assert!(error.contains("pass more than"), "{error}");
    }
}

//! Functions with many locals and blocks. What is asserted are counts, which time and memory
//! follow.

use super::compile;

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

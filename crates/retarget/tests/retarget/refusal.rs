//! Each kind of module that can't be retargeted, and what it is told.

use super::{module_with, parse};
use threadline_retarget::{Error, Options, StackGlobal, retarget_module};

/// Retargets, and compares the start of the error's text.
fn check(wasm: &[u8], options: &Options, expected: &str) {
    let error = match retarget_module(wasm, options) {
        Ok(_) => panic!("retargeted, where `{expected}` was expected"),
        Err(error) => error.to_string(),
    };
    assert!(error.starts_with(expected), "`{error}` is not `{expected}`");
}

fn check_auto(wasm: &[u8], expected: &str) {
    check(wasm, &Options::default(), expected);
}

fn check_index(global: u32, wasm: &[u8], expected: &str) {
    let options = Options {
        global: StackGlobal::Index(global),
        ..Options::default()
    };
    check(wasm, &options, expected);
}

#[test]
fn what_is_no_core_module() {
    check_auto(&parse("(component)"), "this is a component");
    check_auto(b"(module)", "not a valid core module");
    check_auto(b"", "not a valid core module");
    check_auto(b"\0asm\x01\0\0\0\xff", "not a valid core module");
    let mut invalid = module_with("(func (result i32) i32.const 1)");
    let at = invalid.len() - 1;
    invalid.truncate(at);
    check_auto(&invalid, "not a valid core module");
}

#[test]
fn objects_and_shared_libraries() {
    check_auto(
        &module_with("(@custom \"linking\" \"\\02\")"),
        "custom section `linking`",
    );
    check_auto(
        &module_with("(@custom \"dylink.0\" \"\")"),
        "custom section `dylink.0`",
    );
}

#[test]
fn no_global_that_could_be_the_pointer() {
    check_auto(&parse("(module)"), "no global is named");
    check_auto(
        &parse("(module (memory 1) (global i32 (i32.const 1)))"),
        "no global is named",
    );
}

#[test]
fn a_global_that_is_not_fit() {
    let wasm = parse(
        "(module
           (import \"env\" \"imported\" (global (mut i32)))
           (memory 2)
           (global $exported (export \"sp\") (mut i32) (i32.const 65536))
           (global $constant i32 (i32.const 65536))
           (global $wide (mut i64) (i64.const 65536))
           (global $computed (mut i32) (i32.add (i32.const 32768) (i32.const 32768)))
           (global $small (mut i32) (i32.const 0))
           (global $high (mut i32) (i32.const 131088))
           (global $negative (mut i32) (i32.const -16)))",
    );
    check_index(
        0,
        &wasm,
        "global 0 can't be the stack pointer: it is imported",
    );
    check_index(
        1,
        &wasm,
        "global 1 can't be the stack pointer: it is exported",
    );
    check_index(
        2,
        &wasm,
        "global 2 can't be the stack pointer: it isn't a mutable i32",
    );
    check_index(
        3,
        &wasm,
        "global 3 can't be the stack pointer: it isn't a mutable i32",
    );
    check_index(
        4,
        &wasm,
        "global 4 can't be the stack pointer: its initial value isn't",
    );
    check_index(
        5,
        &wasm,
        "global 5 can't be the stack pointer: its initial value 0 is below 9216",
    );
    check_index(
        6,
        &wasm,
        "global 6 can't be the stack pointer: its initial value 131088 is beyond",
    );
    check_index(
        7,
        &wasm,
        "global 7 can't be the stack pointer: its initial value 4294967280",
    );
    check_index(
        8,
        &wasm,
        "global 8 can't be the stack pointer: there is no global",
    );
}

#[test]
fn a_named_pointer_that_is_not_fit_is_not_passed_over_for_another() {
    check_auto(
        &parse(
            "(module
               (import \"env\" \"__stack_pointer\" (global $__stack_pointer (mut i32)))
               (memory 2)
               (global $other (mut i32) (i32.const 65536)))",
        ),
        "global 0 can't be the stack pointer: it is imported",
    );
}

#[test]
fn a_global_used_atomically() {
    check_auto(
        &module_with("(func (result i32) global.atomic.get seqcst $__stack_pointer)"),
        "global 0 can't be the stack pointer: it is used atomically",
    );
}

#[test]
fn a_slot_in_use() {
    for (module, import) in [
        ("$root", "[context-get-0]"),
        ("$root", "[context-get-i32-0]"),
        ("$root", "[context-set-i64-0]"),
        ("env", "__wasm_get_stack_pointer"),
        ("env", "__wasm_set_stack_pointer"),
    ] {
        check_auto(
            &module_with(&format!("(import \"{module}\" \"{import}\" (func))")),
            &format!("import `{import}` shows that context slot 0 is in use"),
        );
    }
    let slot_one = module_with("(import \"$root\" \"[context-get-1]\" (func (result i32)))");
    assert!(retarget_module(&slot_one, &Options::default()).is_ok());
}

#[test]
fn threads_of_its_own() {
    check_auto(
        &module_with(
            "(import \"$root\" \"[thread-new-indirect-v0]\" (func (param i32 i32) (result i32)))",
        ),
        "import `[thread-new-indirect-v0]` starts threads",
    );
}

#[test]
fn a_hook_of_its_own() {
    check_auto(
        &module_with("(func (export \"__wasm_task_hook\") (param i32))"),
        "`__wasm_task_hook` is exported already",
    );
}

#[test]
fn no_memory_for_a_stack() {
    let global = "(global (mut i32) (i32.const 65536))";
    check_auto(&parse(&format!("(module {global})")), "memory 0 is missing");
    check_auto(
        &parse(&format!("(module (memory i64 2) {global})")),
        "memory 0 is missing or has 64-bit",
    );
    check_auto(
        &parse(&format!("(module (memory i64 2) (memory 2) {global})")),
        "memory 0 is missing or has 64-bit",
    );
}

#[test]
fn a_stackful_export_without_an_allocator() {
    let lift = "(func (export \"[async-lift-stackful]work\"))";
    let malloc = "(func (export \"malloc\") (param i32) (result i32) unreachable)";
    let free = "(func (export \"free\") (param i32))";
    check_auto(
        &module_with(lift),
        "export `[async-lift-stackful]work` can be suspended with live frames, so each call \
         needs a stack of its own, and `malloc`",
    );
    check_auto(
        &module_with(&format!("{lift}{malloc}")),
        "export `[async-lift-stackful]work` can be suspended with live frames, so each call \
         needs a stack of its own, and `free`",
    );
    let whole = module_with(&format!("{lift}{malloc}{free}"));
    assert!(retarget_module(&whole, &Options::default()).is_ok());
}

#[test]
fn an_async_export_with_a_post_return_function() {
    check_auto(
        &module_with(
            "(func (export \"[async-lift]work\") (result i32) unreachable)
             (func (export \"cabi_post_work\"))",
        ),
        "export `cabi_post_work` is the post-return function of an async export",
    );
}

#[test]
fn sizes_that_make_no_stack() {
    for bytes in [0, 16, 100, u32::MAX] {
        let options = Options {
            scratch_stack: bytes,
            ..Options::default()
        };
        check(
            &module_with(""),
            &options,
            &format!("option `scratch_stack` is {bytes}"),
        );
        let options = Options {
            task_stack: bytes,
            ..Options::default()
        };
        check(
            &module_with(""),
            &options,
            &format!("option `task_stack` is {bytes}"),
        );
    }
}

#[test]
fn errors_keep_their_cause() {
    let error = retarget_module(b"", &Options::default()).unwrap_err();
    assert!(matches!(error, Error::Malformed(_)));
    assert!(std::error::Error::source(&error).is_some());
}

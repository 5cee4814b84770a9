//! What a retargeted module looks like, what is refused, and that no input
//! makes the rewriter panic.

mod component;
mod mutation;
mod refusal;
mod structure;

use threadline_retarget::{Options, Report, Retargeted, retarget_module};
use wasmparser::{Validator, WasmFeatures};

/// A module with something in most sections: its stack pointer is global 1.
const SAMPLE: &str = r#"
(module $sample
  (import "env" "log" (func $log (param i32)))
  (import "env" "base" (global $base i32))
  (memory $memory (export "memory") 2)
  (table $table 2 funcref)
  (global $counter (mut i32) (i32.const 7))
  (global $__stack_pointer (mut i32) (i32.const 65536))
  (global $last (export "last") i32 (i32.const 3))
  (export "alias" (func $leaf))
  (elem $both (i32.const 0) func $frame $log)
  (data $greeting (i32.const 65536) "hello")
  (func $frame (export "frame") (param $size i32) (result i32)
    (local $at i32)
    global.get $__stack_pointer
    local.get $size
    i32.sub
    local.tee $at
    global.set $__stack_pointer
    local.get $at
    call $log
    call $leaf
    local.get $at
    local.get $size
    i32.add
    global.set $__stack_pointer
    global.get $counter)
  (func $leaf
    global.get $last
    global.set $counter))
"#;

/// A module with nothing but the text given and what retargeting needs.
fn module_with(text: &str) -> Vec<u8> {
    parse(&format!(
        "(module {text}
           (memory (export \"memory\") 2)
           (global $__stack_pointer (mut i32) (i32.const 65536)))"
    ))
}

fn parse(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the test's own text parses")
}

/// Retargets with default options, and validates what comes out.
fn retargeted(wasm: &[u8]) -> Retargeted {
    retargeted_with(wasm, &Options::default())
}

fn retargeted_with(wasm: &[u8], options: &Options) -> Retargeted {
    let done = retarget_module(wasm, options).expect("the module can be retargeted");
    validate(&done.module);
    done
}

fn report_of(text: &str) -> Report {
    retargeted(&module_with(text)).report
}

fn validate(wasm: &[u8]) {
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(wasm)
        .expect("the output is valid");
}

fn print(wasm: &[u8]) -> String {
    wasmprinter::print_bytes(wasm).expect("valid modules can be printed")
}

/// The lines of the function or field that starts so, less indentation.
fn excerpt(text: &str, start: &str) -> String {
    let mut lines = text.lines().skip_while(|l| !l.trim().starts_with(start));
    let first = lines.next().expect("there is such a line");
    let depth = first.len() - first.trim_start().len();
    let rest = lines.take_while(|l| l.len() - l.trim_start().len() > depth);
    let body: Vec<_> = std::iter::once(first).chain(rest).map(str::trim).collect();
    body.join("\n")
}

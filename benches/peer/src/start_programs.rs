//! Components that are made up for rows about starting: like programs that were frozen after they had
//! started, whose memory is in tens of thousands of segments, and like large ones.

use anyhow::Result;
use std::fmt::Write as _;

/// A component of one module, given by its text, which exports `run`.
fn component(module: &str) -> Result<Vec<u8>> {
    let text = format!(
        r#"(component
    (core module $m {module}
        (func (export "run") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))"#
    );
    Ok(wat::parse_str(&text)?)
}

/// A memory whose contents are in so many segments, of 20 bytes each.
pub(crate) fn segments(count: u32) -> Result<Vec<u8>> {
    let mut module = String::from("(memory (export \"memory\") 200)\n");
    for i in 0..count {
        let at = 1_048_576 + i * 48;
        writeln!(
            module,
            "(data (i32.const {at}) \"a segment of 20 {:04}\")",
            i % 10_000
        )?;
    }
    component(&module)
}

/// A table of so many references, to so many functions.
pub(crate) fn table(elements: u32, functions: u32) -> Result<Vec<u8>> {
    let mut module = format!("(memory (export \"memory\") 1) (table {elements} funcref)\n");
    for i in 0..functions {
        writeln!(module, "(func $f{i} (result i32) (i32.const {i}))")?;
    }
    module.push_str("(elem (i32.const 0) func");
    for i in 0..elements {
        write!(module, " $f{}", i % functions)?;
    }
    module.push(')');
    component(&module)
}

/// So many functions that call each other.
pub(crate) fn functions(count: u32) -> Result<Vec<u8>> {
    let mut module = String::from("(memory (export \"memory\") 1)\n");
    for i in 0..count {
        let (callee, at) = (i.saturating_sub(1), i % 1000 * 4);
        writeln!(
            module,
            "(func $f{i} (param i32) (result i32)
                (i32.store offset={at} (local.get 0) (i32.add (local.get 0) (i32.const {i})))
                (if (i32.lt_u (local.get 0) (i32.const {i})) (then
                    (return (call $f{callee} (i32.load offset={at} (local.get 0))))))
                (i32.mul (local.get 0) (i32.const 3)))"
        )?;
    }
    component(&module)
}

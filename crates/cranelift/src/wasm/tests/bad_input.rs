//! Bodies that are refused, and odd ones that are not.

use super::Setup;
use threadline_environ::Error;

fn refusal(wat: &str) -> Error {
    match Setup::default().compile(wat) {
        Ok(_) => panic!("accepted: {wat}"),
        Err(error) => error,
    }
}

#[test]
fn a_type_error_is_reported_with_its_offset() {
    let error = refusal("(module (func (result i32) (i64.const 0)))");
    let Error::Invalid { message, offset } = &error else {
        panic!("{error}");
    };
    assert!(message.contains("type mismatch"), "{message}");
    assert!(*offset > 8);
}

#[test]
fn operators_of_proposals_that_are_not_built_are_refused_by_name() {
    let error = refusal("(module (func (drop (ref.i31 (i32.const 0)))))");
    let Error::Unsupported { feature, offset } = &error else {
        panic!("{error}");
    };
    assert!(feature.contains("gc"), "{feature}");
    assert!(*offset > 8);
}

#[test]
fn a_failure_leaves_nothing_behind_for_the_next_function() {
    let setup = Setup::default();
    for _ in 0..3 {
        assert!(
            setup
                .compile("(module (func (block (br_if 0 (i32.const 0)) (drop))))")
                .is_err()
        );
        assert!(
            setup
                .compile("(module (func (block (br_if 0 (i32.const 0)))))")
                .is_ok()
        );
    }
}

/// 1,000 results of 5,000 blocks would be millions of CLIF values from a few kilobytes.
#[test]
fn blocks_that_pass_values_out_of_proportion_are_refused() {
    let types = "i32 ".repeat(1000);
    let blocks = "(block (type $t) ".repeat(5000);
    let ends = ")".repeat(5000);
    let wat = format!(
        "(module (type $t (func (result {types}))) (func unreachable drop)
         (func (result i32) {blocks} unreachable {ends} unreachable))"
    );
    assert!(matches!(refusal(&wat), Error::TooLarge { .. }));
}

#[test]
fn deep_nesting_does_not_need_native_stack() {
    let mut body = Vec::new();
    let depth = 50_000;
    body.push(0); // no locals
    for i in 0..depth {
        match i % 3 {
            0 => body.extend([0x02, 0x40]),          // block
            1 => body.extend([0x03, 0x40]),          // loop
            _ => body.extend([0x41, 0, 0x04, 0x40]), // i32.const 0; if
        }
    }
    body.extend(std::iter::repeat_n(0x0b, depth + 1));
    let mut module = vec![0, b'a', b's', b'm', 1, 0, 0, 0];
    module.extend([1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0]);
    let mut section = vec![1];
    section.extend(leb(body.len()));
    section.extend(body);
    module.push(10);
    module.extend(leb(section.len()));
    module.extend(section);
    assert_eq!(Setup::default().compile_binary(&module).unwrap().len(), 1);
}

fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

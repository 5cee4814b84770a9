//! Values of all types but strings, from guest to guest.

use crate::machine::{CALLEE, CALLER, Machine};
use crate::passing::{Call, with_adapter};
use threadline_environ::TrapCode;

fn f32(value: f32) -> u64 {
    u64::from(value.to_bits())
}

/// Takes what it gets.
fn accept(_: &mut Machine, _: &[u64]) -> Option<u64> {
    None
}

/// Passes core values, and says what the callee is called with.
#[track_caller]
fn pass(call: &Call<'_>, args: &[u64]) -> Result<Vec<u64>, TrapCode> {
    let mut machine = Machine::new(accept);
    call.run(&mut machine, args)?;
    let line = machine.log.lines().last().unwrap();
    let args = line
        .strip_prefix("callee(")
        .unwrap()
        .split_once(')')
        .unwrap()
        .0;
    Ok(args
        .split_whitespace()
        .map(|arg| arg.parse().unwrap())
        .collect())
}

#[test]
fn payloads_are_taken_out_of_joined_core_values_and_put_in_again() {
    let call = Call {
        named: &[(
            "v",
            r#"(variant (case "a" f32) (case "b" u64) (case "c") (case "d" (tuple u8 f64))
                (case "e" s16) (case "f" char) (case "g" f64))"#,
        )],
        signature: r#"(param "v" $v)"#,
        cores: ["(param i32 i64 f64)"; 2],
        ..Call::PLAIN
    };
    let (high, pi) = (0xFFFF_FFFF_0000_0000, 3.25f64.to_bits());
    let invalid = Err(TrapCode::InvalidDiscriminant);
    for (args, expected) in [
        ([0, f32(1.5) | high, 7], Ok(vec![0, f32(1.5), 0])),
        ([1, u64::MAX, 7], Ok(vec![1, u64::MAX, 0])),
        ([2, u64::MAX, 7], Ok(vec![2, 0, 0])),
        ([3, 0x1FF | high, pi], Ok(vec![3, 0xFF, pi])),
        ([4, 0x1_8001 | high, 7], Ok(vec![4, 0xFFFF_8001, 0])),
        ([5, 0x10_FFFF | high, 7], Ok(vec![5, 0x10_FFFF, 0])),
        ([5, 0x11_0000, 7], Err(TrapCode::InvalidChar)),
        ([6, pi, 7], Ok(vec![6, pi, 0])),
        ([7, 0, 0], invalid.clone()),
        ([u64::from(u32::MAX), 0, 0], invalid),
    ] {
        assert_eq!(pass(&call, &args), expected, "{args:?}");
    }
}

#[test]
fn nested_variants_are_joined_level_by_level() {
    let call = Call {
        signature: r#"(param "v" (result (option f32) (error (option (result u64)))))"#,
        cores: ["(param i32 i32 i32 i64)", "(param i32 i32 i32 i64)"],
        ..Call::PLAIN
    };
    assert_eq!(
        pass(&call, &[0, 1, f32(2.5), 9]),
        Ok(vec![0, 1, f32(2.5), 0])
    );
    assert_eq!(pass(&call, &[0, 0, f32(2.5), 9]), Ok(vec![0, 0, 0, 0]));
    assert_eq!(pass(&call, &[1, 1, 0, 9]), Ok(vec![1, 1, 0, 9]));
    assert_eq!(pass(&call, &[1, 1, 1, 9]), Ok(vec![1, 1, 1, 0]));
    assert_eq!(
        pass(&call, &[1, 1, 2, 9]),
        Err(TrapCode::InvalidDiscriminant)
    );
    assert_eq!(
        pass(&call, &[1, 2, 2, 9]),
        Err(TrapCode::InvalidDiscriminant)
    );
}

/// What is in the callee's memory after bytes have been passed as a list of so many elements.
#[track_caller]
fn pass_list(call: &Call<'_>, bytes: &[u8], count: u64) -> Result<Vec<u8>, TrapCode> {
    let mut machine = Machine::new(accept);
    machine.realloc_fills = Some(0xEE);
    machine.memories[CALLER][16..16 + bytes.len()].copy_from_slice(bytes);
    call.run(&mut machine, &[16, count])?;
    Ok(machine.memories[CALLEE][2000..2100].to_vec())
}

const PAIR: [&str; 2] = ["(param i32 i32)"; 2];

#[test]
fn padding_is_not_passed_on() {
    let call = Call {
        signature: r#"(param "v" (list (tuple u8 u32 (option u16))))"#,
        cores: PAIR,
        ..Call::PLAIN
    };
    #[rustfmt::skip]
    let source = [
        1, 9, 9, 9, 2, 3, 4, 5, 1, 9, 6, 7,
        8, 9, 9, 9, 2, 3, 4, 5, 0, 9, 9, 9,
    ];
    const E: u8 = 0xEE;
    #[rustfmt::skip]
    let target = [
        1, E, E, E, 2, 3, 4, 5, 1, E, 6, 7,
        8, E, E, E, 2, 3, 4, 5, 0, E, E, E,
    ];
    let found = pass_list(&call, &source, 2).unwrap();
    assert_eq!(found[..24], target);
}

#[test]
fn elements_are_masked_and_checked() {
    let check = |element: &str, source: &[u8], count, expected: Result<&[u8], TrapCode>| {
        let named: &[(&str, &str)] = &[("t", element)];
        let call = Call {
            named,
            signature: r#"(param "v" (list $t))"#,
            cores: PAIR,
            ..Call::PLAIN
        };
        let found = pass_list(&call, source, count);
        let found = found.map(|bytes| bytes[..source.len()].to_vec());
        assert_eq!(found, expected.map(<[u8]>::to_vec), "{element}");
    };
    check(r#"(flags "a" "b" "c")"#, &[0xFF, 2], 2, Ok(&[7, 2]));
    check(r#"(enum "a" "b" "c")"#, &[2, 0], 2, Ok(&[2, 0]));
    let invalid = Err(TrapCode::InvalidDiscriminant);
    check(r#"(enum "a" "b" "c")"#, &[2, 3], 2, invalid);
    check(
        r#"(record (field "b" bool) (field "s" s8))"#,
        &[0x80, 0x80],
        1,
        Ok(&[1, 0x80]),
    );
    check(
        r#"(record (field "c" char))"#,
        &[0, 0xD8, 0, 0],
        1,
        Err(TrapCode::InvalidChar),
    );
    check(
        r#"(variant (case "a") (case "b" u8))"#,
        &[1, 5, 2, 5],
        2,
        invalid,
    );
}

#[test]
fn lists_in_lists_go_between_memories_of_either_kind() {
    for wide in [[false, false], [true, false], [false, true], [true, true]] {
        let call = Call {
            signature: r#"(param "v" (list (list u16)))"#,
            cores: wide.map(|wide| {
                if wide {
                    "(param i64 i64)"
                } else {
                    "(param i32 i32)"
                }
            }),
            wide,
            ..Call::PLAIN
        };
        let mut machine = Machine::new(accept);
        let memory = &mut machine.memories[CALLER];
        let half = |wide: bool| if wide { 8 } else { 4 };
        for (i, value) in [100u64, 2, 200, 1, 65536, 0].into_iter().enumerate() {
            let size = half(wide[0]);
            memory[16 + i * size..][..size].copy_from_slice(&value.to_le_bytes()[..size]);
        }
        memory[100..104].copy_from_slice(&[1, 2, 3, 4]);
        memory[200..202].copy_from_slice(&[5, 6]);
        call.run(&mut machine, &[16, 3]).unwrap();
        let size = half(wide[1]);
        let log: Vec<&str> = machine
            .log
            .lines()
            .map(|line| line.split(':').next().unwrap())
            .collect();
        let expected = [
            format!("callee.realloc(0 0 {size} {})", 6 * size),
            "callee.realloc(0 0 2 4)".to_owned(),
            "callee.realloc(0 0 2 2)".to_owned(),
            "callee.realloc(0 0 2 0)".to_owned(),
            "callee(2000 3)".to_owned(),
        ];
        assert_eq!(log, expected, "{wide:?}");
        let memory = &machine.memories[CALLEE];
        for (i, value) in [2100u64, 2, 2200, 1, 2300, 0].into_iter().enumerate() {
            assert_eq!(
                memory[2000 + i * size..][..size],
                value.to_le_bytes()[..size]
            );
        }
        assert_eq!(memory[2100..2104], [1, 2, 3, 4]);
        assert_eq!(memory[2200..2202], [5, 6]);
    }
}

#[test]
fn lists_out_of_bounds_misaligned_or_too_long_trap() {
    const MAX: u64 = (1 << 28) - 1;
    let call = Call {
        signature: r#"(param "v" (list u64))"#,
        cores: ["(param i64 i64)", "(param i32 i32)"],
        wide: [true, false],
        ..Call::PLAIN
    };
    for (pointer, length, expected) in [
        (65528, 2, TrapCode::ListPointerOutOfBounds),
        (65544, 0, TrapCode::ListPointerOutOfBounds),
        (u64::MAX - 7, 1, TrapCode::ListPointerOutOfBounds),
        (4, 1, TrapCode::UnalignedPointer),
        (0, MAX / 8, TrapCode::ListPointerOutOfBounds),
        (0, MAX / 8 + 1, TrapCode::ListTooLong),
        (0, u64::MAX / 8 + 1, TrapCode::ListTooLong),
        (0, u64::MAX, TrapCode::ListTooLong),
    ] {
        assert_eq!(
            pass(&call, &[pointer, length]),
            Err(expected),
            "{pointer:#x} {length:#x}"
        );
    }
}

#[test]
fn maps_and_lists_with_a_length_are_lists_and_tuples() {
    let call = Call {
        signature: r#"(param "v" (list (list u8 6)))"#,
        cores: PAIR,
        ..Call::PLAIN
    };
    let source: Vec<u8> = (0..18).collect();
    assert_eq!(pass_list(&call, &source, 3).unwrap()[..18], source);
    let call = Call {
        signature: r#"(param "v" (list bool 3))"#,
        cores: ["(param i32 i32 i32)"; 2],
        ..Call::PLAIN
    };
    assert_eq!(pass(&call, &[0, 1, 0x100]), Ok(vec![0, 1, 1]));
    let call = Call {
        signature: r#"(param "v" (list (list bool 20)))"#,
        cores: PAIR,
        ..Call::PLAIN
    };
    let source: Vec<u8> = (0..40).map(|i| i % 3).collect();
    let target: Vec<u8> = source.iter().map(|&byte| byte.min(1)).collect();
    assert_eq!(pass_list(&call, &source, 2).unwrap()[..40], target);
}

#[test]
fn a_list_that_has_a_large_record_for_elements_is_moved_by_helpers() {
    let fields: Vec<String> = (0..50).map(|i| format!(r#"(field "f{i}" bool)"#)).collect();
    let record = format!("(record {})", fields.join(" "));
    let call = Call {
        named: &[("r", &record)],
        signature: r#"(param "v" (list (tuple $r $r)))"#,
        cores: PAIR,
        ..Call::PLAIN
    };
    let source: Vec<u8> = (0..100).collect();
    let target: Vec<u8> = source.iter().map(|&byte| byte.min(1)).collect();
    assert_eq!(pass_list(&call, &source, 1).unwrap(), target);
    // The record's code is there once.
    let functions = call.look(|adapter| adapter.bodies.len());
    assert_eq!(functions, 2);
}

#[test]
fn flat_values_of_large_types_are_moved_by_helpers() {
    let inner = r#"(variant (case "a" u8) (case "b" s8) (case "c" u16) (case "d" s16)
        (case "e" char) (case "f" bool) (case "g" f32) (case "h" u64) (case "i" (list u8))
        (case "j" string))"#;
    let call = Call {
        named: &[("v", inner)],
        signature: r#"(param "v" (tuple $v $v))"#,
        cores: ["(param i32 i64 i32 i32 i64 i32)"; 2],
        ..Call::PLAIN
    };
    let found = pass(&call, &[0, 0x1FF, 5, 6, f32(0.5), 5]);
    assert_eq!(found, Ok(vec![0, 0xFF, 0, 6, f32(0.5), 0]));
    assert_eq!(call.look(|adapter| adapter.bodies.len()), 2);
}

#[test]
fn types_that_multiply_by_sharing_make_small_adapters() {
    let mut types = String::from("(type $t0 (tuple bool bool bool bool bool bool bool bool))");
    for i in 1..7 {
        let parts = format!("$t{} ", i - 1).repeat(6);
        types += &format!("(type $t{i} (tuple {parts}))");
    }
    let ty = r#"(param "v" (list $t6))"#;
    let wat = format!(
        r#"(component
            {types}
            (component $callee
                (core module $m
                    (memory (export "memory") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                    (func (export "f") (param i32 i32)))
                (core instance $m (instantiate $m))
                (func (export "f") {ty} (canon lift (core func $m "f")
                    (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))
            (component $caller
                (import "f" (func $f {ty}))
                (core module $m (memory (export "memory") 1))
                (core instance $m (instantiate $m))
                (core func $f (canon lower (func $f) (memory (core memory $m "memory"))))
                (core module $n (import "" "f" (func (param i32 i32))))
                (core instance (instantiate $n (with "" (instance (export "f" (func $f)))))))
            (instance $callee (instantiate $callee))
            (instance (instantiate $caller (with "f" (func $callee "f")))))"#
    );
    let length = with_adapter(&wat, |adapter| adapter.bytes.len());
    assert!(length < 20_000, "{length}");
}

/// A component that calls itself with a list of lists of bytes.
const SELF: &str = r#"(component
    (core module $m
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "f") (param i32 i32 i32)))
    (core instance $m (instantiate $m))
    (func $f (param "a" (list string)) (param "b" bool)
        (canon lift (core func $m "f") (memory (core memory $m "memory"))
            (realloc (core func $m "realloc"))))
    (core func $g (canon lower (func $f) (memory (core memory $m "memory"))))
    (core module $n (import "" "g" (func (param i32 i32 i32))))
    (core instance (instantiate $n (with "" (instance (export "g" (func $g)))))))"#;

#[test]
fn what_an_instance_passes_itself_is_lifted_before_it_is_lowered() {
    // realloc gives out, and overwrites, the very place where the list is.
    let mut machine = Machine::new(accept);
    machine.one_memory = true;
    machine.realloc_fills = Some(0);
    machine.next[CALLEE] = 300;
    let memory = &mut machine.memories[CALLER];
    for (i, value) in [400u32, 3, 500, 2].into_iter().enumerate() {
        memory[300 + 4 * i..][..4].copy_from_slice(&value.to_le_bytes());
    }
    memory[400..403].copy_from_slice(b"abc");
    memory[500..502].copy_from_slice(b"de");
    with_adapter(SELF, |adapter| machine.run(adapter, &[300, 2, 1])).unwrap();
    let log: Vec<&str> = machine
        .log
        .lines()
        .map(|line| line.split(": slots").next().unwrap())
        .collect();
    assert_eq!(
        log,
        [
            "utf8-to-utf8 caller to scratch: 400 24 3",
            "utf8-to-utf8 caller to scratch: 500 27 2",
            "callee.realloc(0 0 4 16)",
            "callee.realloc(0 0 1 3)",
            "utf8-to-utf8 scratch to callee: 24 400 3",
            "callee.realloc(0 0 1 2)",
            "utf8-to-utf8 scratch to callee: 27 500 2",
            "callee(300 2 1)",
        ]
    );
    let memory = &machine.memories[CALLER];
    for (i, value) in [400u32, 3, 500, 2].into_iter().enumerate() {
        assert_eq!(memory[300 + 4 * i..][..4], value.to_le_bytes());
    }
    assert_eq!(memory[400..403], *b"abc");
    assert_eq!(memory[500..502], *b"de");
}

#[test]
fn nothing_is_lowered_if_an_instance_passes_itself_something_broken() {
    let mut machine = Machine::new(accept);
    machine.one_memory = true;
    machine.memories[CALLER][300..308].copy_from_slice(&[144, 1, 0, 0, 1, 0, 0, 0]);
    machine.memories[CALLER][400] = 0xFF;
    let found = with_adapter(SELF, |adapter| machine.run(adapter, &[300, 1, 1]));
    assert_eq!(found, Err(TrapCode::InvalidUtf8));
    assert_eq!(machine.log, "");
}

#[test]
fn the_memory_in_between_grows() {
    let mut machine = Machine::new(accept);
    machine.one_memory = true;
    machine.next[CALLEE] = 0;
    // Two thousand strings of sixty bytes at one place.
    let memory = &mut machine.memories[CALLER];
    for i in 0..2000 {
        memory[1024 + 8 * i..][..8].copy_from_slice(&[0, 0, 0, 0, 60, 0, 0, 0]);
    }
    machine.next[CALLEE] = 20_000;
    memory.resize(1 << 20, 0);
    with_adapter(SELF, |adapter| machine.run(adapter, &[1024, 2000, 1])).unwrap();
    assert_eq!(machine.memories[2].len(), 3 << 16);
}

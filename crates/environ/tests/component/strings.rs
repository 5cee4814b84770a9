//! Strings from each encoding to each, against the specification's `store_string_into_range`.

use crate::machine::{CALLEE, CALLER, Machine};
use crate::passing::Call;
use threadline_environ::TrapCode;

const ENCODINGS: [&str; 3] = ["utf8", "utf16", "latin1+utf16"];

/// A string in a memory: its bytes, and the code units that a length counts.
#[derive(Debug, PartialEq)]
struct Encoded {
    bytes: Vec<u8>,
    units: u64,
    tagged: bool,
}

/// A call of `realloc`, less the pointer: old length, alignment, new length.
type Realloc = (u64, u64, u64);

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn is_latin1(text: &str) -> bool {
    text.chars().all(|char| char <= '\u{ff}')
}

/// All ways in which a text is written in an encoding.
fn encode(text: &str, encoding: &str) -> Vec<Encoded> {
    let wide = utf16(text);
    let units = wide.len() as u64 / 2;
    let encoded = |bytes: Vec<u8>, units, tagged| Encoded {
        bytes,
        units,
        tagged,
    };
    match encoding {
        "utf8" => vec![encoded(text.into(), text.len() as u64, false)],
        "utf16" => vec![encoded(wide, units, false)],
        _ => {
            let mut ways = vec![encoded(wide, units, true)];
            if is_latin1(text) {
                let narrow: Vec<u8> = text.chars().map(|char| char as u8).collect();
                ways.push(encoded(narrow, units, false));
            }
            ways
        }
    }
}

/// What `store_string_into_range` asks for, and what it stores.
fn reference(text: &str, from: &str, source: &Encoded, to: &str) -> (Vec<Realloc>, Encoded) {
    let units = source.units;
    let wide = source.tagged || from == "utf16";
    let narrow = from == "latin1+utf16" && !source.tagged;
    let mut calls = Vec::new();
    let target = match to {
        "utf8" => {
            let bytes = text.as_bytes().to_vec();
            calls.push((0, 1, units));
            if from != "utf8" && !text.is_ascii() {
                let worst = units * if wide { 3 } else { 2 };
                calls.push((units, 1, worst));
                if worst > bytes.len() as u64 {
                    calls.push((worst, 1, bytes.len() as u64));
                }
            }
            encode(text, "utf8").remove(0)
        }
        "utf16" => {
            calls.push((0, 2, 2 * units));
            let target = encode(text, "utf16").remove(0);
            if from == "utf8" && target.units < units {
                calls.push((2 * units, 2, 2 * target.units));
            }
            target
        }
        _ if narrow => {
            calls.push((0, 2, units));
            encode(text, to).remove(1)
        }
        _ if source.tagged => {
            calls.push((0, 2, 2 * units));
            if is_latin1(text) {
                calls.push((2 * units, 1, units));
            }
            encode(text, to).pop().unwrap()
        }
        _ => {
            calls.push((0, 2, units));
            let target = encode(text, to).pop().unwrap();
            let length = target.bytes.len() as u64;
            if !is_latin1(text) {
                calls.push((units, 2, 2 * units));
                if length < 2 * units {
                    calls.push((2 * units, 2, length));
                }
            } else if length < units {
                calls.push((units, 2, length));
            }
            target
        }
    };
    (calls, target)
}

fn core(wide: bool) -> &'static str {
    if wide {
        "(param i64 i64)"
    } else {
        "(param i32 i32)"
    }
}

fn call(encodings: [&'static str; 2], wide: [bool; 2]) -> Call<'static> {
    Call {
        signature: r#"(param "s" string)"#,
        cores: wide.map(core),
        encodings,
        wide,
        ..Call::PLAIN
    }
}

fn tag(wide: bool) -> u64 {
    1 << if wide { 63 } else { 31 }
}

/// Passes a string, and says which calls of `realloc` there were and what came.
fn pass(call: &Call<'_>, source: &Encoded) -> Result<(Vec<Realloc>, Encoded), TrapCode> {
    let mut machine = Machine::new(|machine, args| {
        machine.next[CALLER] = args[0];
        machine.next[CALLEE] = args[1];
        None
    });
    machine.memories[CALLER][8..8 + source.bytes.len()].copy_from_slice(&source.bytes);
    let length = source.units | if source.tagged { tag(call.wide[0]) } else { 0 };
    call.run(&mut machine, &[8, length])?;
    let mut calls = Vec::new();
    for line in machine.log.lines() {
        if let Some(args) = line.strip_prefix("callee.realloc(") {
            let args = args.split_once(')').unwrap().0.split(' ');
            let args: Vec<u64> = args.map(|arg| arg.parse().unwrap()).collect();
            calls.push((args[1], args[2], args[3]));
        }
    }
    // The callee left its arguments there.
    let (pointer, length) = (machine.next[CALLER] as usize, machine.next[CALLEE]);
    let tagged = call.encodings[1] == "latin1+utf16" && length & tag(call.wide[1]) != 0;
    let units = length & !(if tagged { tag(call.wide[1]) } else { 0 });
    let unit = if tagged || call.encodings[1] == "utf16" {
        2
    } else {
        1
    };
    let bytes = machine.memories[CALLEE][pointer..pointer + unit * units as usize].to_vec();
    Ok((
        calls,
        Encoded {
            bytes,
            units,
            tagged,
        },
    ))
}

const TEXTS: [&str; 14] = [
    "",
    "a",
    "hello",
    "é",
    "grüße",
    "ÿÿÿÿ",
    "abcĀ",
    "Āabc",
    "üabcĀdef",
    "日本語",
    "a日b",
    "😀",
    "ab😀cd",
    "é😀",
];

#[test]
fn every_encoding_becomes_every_other_as_specified() {
    for from in ENCODINGS {
        for to in ENCODINGS {
            for wide in [[false, false], [true, false], [false, true], [true, true]] {
                let call = call([from, to], wide);
                for text in TEXTS {
                    for source in encode(text, from) {
                        let expected = reference(text, from, &source, to);
                        let found = pass(&call, &source).unwrap();
                        assert_eq!(found, expected, "{text:?} from {from} to {to} {wide:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn broken_strings_trap_whatever_becomes_of_them() {
    let lone: Vec<u8> = [0x61, 0xD800, 0x62]
        .into_iter()
        .flat_map(u16::to_le_bytes)
        .collect();
    for to in ENCODINGS {
        for (from, bytes, units, expected) in [
            ("utf8", b"a\xff".to_vec(), 2, TrapCode::InvalidUtf8),
            ("utf8", b"a\xc3".to_vec(), 2, TrapCode::IncompleteUtf8),
            ("utf16", lone.clone(), 3, TrapCode::InvalidString),
            ("latin1+utf16", lone.clone(), 3, TrapCode::InvalidString),
        ] {
            let source = Encoded {
                bytes,
                units,
                tagged: from == "latin1+utf16",
            };
            let found = pass(&call([from, to], [false, false]), &source);
            assert_eq!(found, Err(expected), "from {from} to {to}");
        }
    }
}

#[test]
fn strings_out_of_bounds_misaligned_or_too_long_trap() {
    const MAX: u64 = (1 << 28) - 1;
    let out_of_bounds = TrapCode::StringPointerOutOfBounds;
    for wide in [false, true] {
        let top = if wide { u64::MAX } else { u64::from(u32::MAX) };
        for (from, pointer, length, expected) in [
            ("utf8", 65537, 0, out_of_bounds),
            ("utf8", top, 1, out_of_bounds),
            ("utf8", 0, MAX, out_of_bounds),
            ("utf8", 0, MAX + 1, TrapCode::ListTooLong),
            ("utf8", 0, top, TrapCode::ListTooLong),
            ("utf16", 65534, 2, out_of_bounds),
            ("utf16", 1, 1, TrapCode::UnalignedPointer),
            ("utf16", 0, MAX / 2, out_of_bounds),
            ("utf16", 0, MAX / 2 + 1, TrapCode::ListTooLong),
            ("latin1+utf16", 1, 1, TrapCode::UnalignedPointer),
            ("latin1+utf16", 0, MAX, out_of_bounds),
            ("latin1+utf16", 0, MAX + 1, TrapCode::ListTooLong),
            ("latin1+utf16", 65534, 2 | tag(wide), out_of_bounds),
            ("latin1+utf16", 0, (MAX / 2) | tag(wide), out_of_bounds),
            (
                "latin1+utf16",
                0,
                (MAX / 2 + 1) | tag(wide),
                TrapCode::ListTooLong,
            ),
        ] {
            let call = call([from, "utf8"], [wide, false]);
            let found = call.run(&mut Machine::new(|_, _| None), &[pointer, length]);
            assert_eq!(found, Err(expected), "{from} {pointer:#x} {length:#x}");
        }
    }
}

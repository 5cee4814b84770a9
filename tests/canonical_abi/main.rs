//! Values of every type, in every position, across every border: between host and guest and
//! between guests, compared with a model of the canonical ABI that is written from the
//! specification alone.
//!
//! Types, values and canonical options are made from fixed seeds. Guests don't know what they are
//! handling: they write down core values and memory, and the model says what these mean. Where
//! guests are given random bytes for values, the model says whether to trap.
//!
//! `THREADLINE_ABI=N` in the environment runs N seeds of each test instead of the usual number.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(missing_docs, reason = "tests")]

mod guest;
mod model;
mod run;
mod types;

use arbitrary::Unstructured;
use model::{Abi, Encoding, Pointer};
use run::{Guest, Program, Running};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use types::{Ty, Value};

/// Seeds of each test.
const SEEDS: u64 = 40;
/// Values of each type.
const VALUES: usize = 6;
/// Bytes that a seed is made from.
const SEED_BYTES: usize = 16_384;

/// Runs a test for every seed.
fn for_each_seed(test: &str, run: impl Fn(&mut Unstructured<'_>) -> arbitrary::Result<()>) {
    let seeds = std::env::var("THREADLINE_ABI").ok();
    let seeds = seeds.map_or(SEEDS, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let bytes = random_bytes(test, seed);
        let mut u = Unstructured::new(&bytes);
        eprintln!("{test}: seed {seed}");
        run(&mut u).unwrap();
    }
}

fn random_bytes(test: &str, seed: u64) -> Vec<u8> {
    (0..SEED_BYTES / 8)
        .flat_map(|i| {
            let mut hasher = DefaultHasher::new();
            (test, seed, i).hash(&mut hasher);
            hasher.finish().to_le_bytes()
        })
        .collect()
}

fn random_abi(u: &mut Unstructured<'_>) -> arbitrary::Result<Abi> {
    let encodings = [Encoding::Utf8, Encoding::Utf16, Encoding::Latin1Utf16];
    Ok(Abi {
        pointer: *u.choose(&[Pointer::I32, Pointer::I32, Pointer::I64])?,
        encoding: *u.choose(&encodings)?,
    })
}

/// A type, the program for it, and values.
fn with_host(u: &mut Unstructured<'_>) -> arbitrary::Result<(Program, Vec<Value>)> {
    let ty = Ty::random(u, 4)?;
    let abi = random_abi(u)?;
    let values = (0..VALUES).map(|_| ty.random_value(u));
    let values = values.collect::<arbitrary::Result<_>>()?;
    Ok((Program::with_host(ty, abi), values))
}

fn with_guest(u: &mut Unstructured<'_>) -> arbitrary::Result<(Program, Vec<Value>)> {
    let ty = Ty::random(u, 4)?;
    let abis = [random_abi(u)?, random_abi(u)?];
    let values = (0..VALUES).map(|_| ty.random_value(u));
    let values = values.collect::<arbitrary::Result<_>>()?;
    Ok((Program::with_guest(ty, abis[0], abis[1]), values))
}

/// Checks a value in all directions between host and guest.
fn check_with_host(instance: &mut Running<'_>, value: &Value) {
    let ty = instance.ty().clone();
    instance.call_take(value).unwrap();
    let got = instance.got_params(Guest::Outer);
    assert_eq!(got.as_ref(), Ok(value), "host to guest, {ty:?}");
    instance.give_result(Guest::Outer, value);
    assert_eq!(
        instance.call_give().unwrap(),
        *value,
        "guest to host, {ty:?}"
    );
    instance.give_params(Guest::Outer, value);
    instance.run("call-take").unwrap();
    assert_eq!(
        instance.host_got().as_ref(),
        Some(value),
        "to an import, {ty:?}"
    );
    instance.host_gives(value);
    instance.run("call-give").unwrap();
    let got = instance.got_result(Guest::Outer);
    assert_eq!(got.as_ref(), Ok(value), "from an import, {ty:?}");
}

/// Checks a value in both directions between guests.
fn check_with_guest(instance: &mut Running<'_>, value: &Value) {
    let ty = instance.ty().clone();
    instance.give_params(Guest::Outer, value);
    instance.run("call-take").unwrap();
    let got = instance.got_params(Guest::Callee);
    assert_eq!(got.as_ref(), Ok(value), "guest to guest, {ty:?}");
    instance.give_result(Guest::Callee, value);
    instance.run("call-give").unwrap();
    let got = instance.got_result(Guest::Outer);
    assert_eq!(got.as_ref(), Ok(value), "guest from guest, {ty:?}");
}

#[test]
fn each_type_in_each_position_arrives_as_it_was() {
    let wide = Abi {
        pointer: Pointer::I64,
        encoding: Encoding::Latin1Utf16,
    };
    let narrow = Abi {
        pointer: Pointer::I32,
        encoding: Encoding::Utf8,
    };
    let bytes = random_bytes("each type", 0);
    let mut u = Unstructured::new(&bytes);
    for ty in Ty::of_each_kind().iter().flat_map(Ty::in_each_position) {
        let values: Vec<_> = (0..3).map(|_| ty.random_value(&mut u).unwrap()).collect();
        for abi in [narrow, wide] {
            let program = Program::with_host(ty.clone(), abi);
            let mut instance = program.instantiate();
            for value in &values {
                check_with_host(&mut instance, value);
            }
        }
        let program = Program::with_guest(ty, narrow, wide);
        let mut instance = program.instantiate();
        for value in &values {
            check_with_guest(&mut instance, value);
        }
    }
}

#[test]
fn values_of_random_types_go_between_host_and_guest() {
    for_each_seed("host and guest", |u| {
        let (program, values) = with_host(u)?;
        let mut instance = program.instantiate();
        for value in values {
            check_with_host(&mut instance, &value);
        }
        Ok(())
    });
}

#[test]
fn values_of_random_types_go_between_guests() {
    for_each_seed("guest and guest", |u| {
        let (program, values) = with_guest(u)?;
        let mut instance = program.instantiate();
        for value in values {
            check_with_guest(&mut instance, &value);
        }
        Ok(())
    });
}

/// Has a guest give values with random bytes in them, as parameters or as results: what `got`
/// finds is what the model makes of them, and what it refuses is a trap.
fn check_garbage(
    u: &mut Unstructured<'_>,
    (program, values): (Program, Vec<Value>),
    guest: Guest,
    params: bool,
    got: impl Fn(&mut Running<'_>) -> Option<Value>,
) -> arbitrary::Result<()> {
    for value in values {
        let mut instance = program.instantiate();
        let expected = instance.give_garbage(u, guest, &value, params)?;
        let run = instance.run(if params { "call-take" } else { "call-give" });
        let Some(ended) = Running::ended(run) else {
            continue;
        };
        assert_eq!(ended, expected.is_ok(), "{:?}", instance.ty());
        if let Ok(value) = expected {
            assert_eq!(got(&mut instance), Some(value));
        }
    }
    Ok(())
}

#[test]
fn any_bytes_from_a_guest_are_what_the_model_says_for_the_host() {
    for_each_seed("garbage to host", |u| {
        let program = with_host(u)?;
        check_garbage(u, program, Guest::Outer, true, |instance| {
            instance.host_got()
        })
    });
}

#[test]
fn any_bytes_from_a_guest_are_what_the_model_says_for_another() {
    for_each_seed("garbage to guest", |u| {
        let program = with_guest(u)?;
        check_garbage(u, program, Guest::Outer, true, |instance| {
            instance.got_params(Guest::Callee).ok()
        })
    });
}

#[test]
fn any_bytes_that_a_guest_returns_are_what_the_model_says() {
    for_each_seed("garbage returned", |u| {
        let program = with_guest(u)?;
        check_garbage(u, program, Guest::Callee, false, |instance| {
            instance.got_result(Guest::Outer).ok()
        })
    });
}

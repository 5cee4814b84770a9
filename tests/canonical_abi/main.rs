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

use arbitrary::Unstructured;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use threadline_fuzz::canonical_abi::model::{Abi, Encoding, Pointer};
use threadline_fuzz::canonical_abi::run::{Guest, Program};
use threadline_fuzz::canonical_abi::types::Ty;
use threadline_fuzz::canonical_abi::{
    check_garbage, check_with_guest, check_with_host, with_guest, with_host,
};

/// Seeds of each test.
const SEEDS: u64 = 40;
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

//! Fuzz targets, and the generators that tests share with them.
//!
//! A target is a module with a function `run(data: &[u8])`, which makes something out of any bytes, does it, and
//! panics if that is a finding. It bounds what it does by fuel, limits and sizes. [`TARGETS`] lists them all,
//! for `tests/fuzz.rs`, which runs each over its corpus and over generated inputs; `fuzz_targets` has a program of
//! libFuzzer for each.
//!
//! What counts as a finding in every target:
//!
//! - a panic that the target has not provoked itself,
//! - an error that is a [`threadline::Bug`],
//! - a run that takes long or much memory, which the surroundings notice.

#![expect(clippy::unwrap_used, reason = "in a fuzz target a panic is a finding")]
#![allow(missing_docs, reason = "for tests alone")]

pub mod binaries;
pub mod canonical_abi;
pub mod damage;
pub mod generated_module;
pub mod host_calls;
pub mod images;
pub mod moves;
pub mod second_engine;
pub mod seeds;
pub mod text;
pub mod values;
pub mod watch;
pub mod wave_text;

// Of the scheduler's tests: what random programs do, for the guests that can do it.
#[path = "../../crates/concurrent/tests/model/program.rs"]
#[allow(dead_code, reason = "moves here need little of it")]
mod program;
#[path = "../../crates/concurrent/tests/model/script.rs"]
#[allow(dead_code, reason = "moves here need little of it")]
mod script;

// Of the command: how it reads and prints calls.
#[path = "../../crates/cli/src/invocation.rs"]
#[allow(dead_code, reason = "the command says more about a call")]
mod invocation;
#[path = "../../crates/cli/src/wave.rs"]
#[allow(dead_code, reason = "core functions are called with numbers alone")]
mod wave;

use arbitrary::Unstructured;
use generated_module::numbers;
use threadline::{Bug, StoreLimits, StoreLimitsBuilder};

/// Something to fuzz.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its program and of its folder of the corpus.
    pub name: &'static str,
    /// Tries an input.
    pub run: fn(&[u8]),
    /// Makes the input of a number.
    pub input: fn(u64) -> Vec<u8>,
}

/// All of them.
pub const TARGETS: [Target; 10] = [
    Target {
        name: "core_binary",
        run: binaries::run_core,
        input: binaries::core_input,
    },
    Target {
        name: "component_binary",
        run: binaries::run_component,
        input: binaries::component_input,
    },
    Target {
        name: "second_engine",
        run: second_engine::run,
        input: bytes,
    },
    Target {
        name: "host_calls",
        run: host_calls::run,
        input: short_bytes,
    },
    Target {
        name: "images",
        run: images::run,
        input: short_bytes,
    },
    Target {
        name: "canonical_abi",
        run: values::run_with_host,
        input: bytes,
    },
    Target {
        name: "adapters",
        run: values::run_with_guest,
        input: bytes,
    },
    Target {
        name: "guest_moves",
        run: host_calls::run_patiently,
        input: short_bytes,
    },
    Target {
        name: "text",
        run: text::run,
        input: text::input,
    },
    Target {
        name: "wave",
        run: wave_text::run,
        input: wave_text::input,
    },
];

/// The target with a name.
///
/// # Panics
/// If there is none.
pub fn target(name: &str) -> Target {
    let found = TARGETS.into_iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("no fuzz target `{name}`"))
}

/// Random bytes, as many as the largest inputs need.
fn bytes(number: u64) -> Vec<u8> {
    random_bytes(number, 4096)
}

/// Random bytes, some of them few.
fn short_bytes(number: u64) -> Vec<u8> {
    let length = numbers(!number).next().unwrap_or_default() % 400;
    random_bytes(number, length as usize)
}

fn random_bytes(number: u64, length: usize) -> Vec<u8> {
    let words = numbers(number).flat_map(u64::to_le_bytes);
    words.take(length).collect()
}

/// The next byte, or 0 when there are no more.
fn byte(u: &mut Unstructured<'_>) -> u8 {
    u.arbitrary().unwrap_or_default()
}

/// Panics if an error says that Threadline is wrong.
///
/// # Panics
/// If so.
pub fn assert_no_bug(error: &anyhow::Error) {
    let text = format!("{error:#}");
    assert!(!text.trim().is_empty(), "an error without a word");
    let is_bug = error.chain().any(|cause| cause.is::<Bug>());
    assert!(
        !is_bug && !text.contains("bug in"),
        "an error that is a bug: {error:?}"
    );
}

/// What stores of targets may take.
fn limits() -> StoreLimits {
    StoreLimitsBuilder::new()
        .memory_size(16 << 20)
        .table_elements(100_000)
        .instances(1000)
        .tables(1000)
        .memories(1000)
        .handles(10_000)
        .threads(200)
        .build()
}

//! Values through the canonical ABI and through adapters, on the model of it ([`crate::canonical_abi`]).

use crate::canonical_abi::run::{Guest, Program};
use crate::canonical_abi::types::Value;
use crate::canonical_abi::{
    check_garbage, check_with_guest, check_with_host, with_guest, with_host,
};
use arbitrary::{Result, Unstructured};

/// Between the host and a guest.
pub fn run_with_host(data: &[u8]) {
    // An input that is too short is none.
    try_with_host(&mut Unstructured::new(data)).ok();
}

fn try_with_host(u: &mut Unstructured<'_>) -> Result<()> {
    let garbage = u.ratio(1, 2)?;
    let made = with_host(u)?;
    if !fits(&made) {
        return Ok(());
    }
    if garbage {
        return check_garbage(u, made, Guest::Outer, true, |instance| instance.host_got());
    }
    let (program, values) = made;
    let mut instance = program.instantiate();
    for value in values {
        check_with_host(&mut instance, &value);
    }
    Ok(())
}

/// Between two guests.
pub fn run_with_guest(data: &[u8]) {
    try_with_guest(&mut Unstructured::new(data)).ok();
}

fn try_with_guest(u: &mut Unstructured<'_>) -> Result<()> {
    let kind = u.int_in_range(0..=2)?;
    let made = with_guest(u)?;
    if !fits(&made) {
        return Ok(());
    }
    match kind {
        0 => {
            let (program, values) = made;
            let mut instance = program.instantiate();
            for value in values {
                check_with_guest(&mut instance, &value);
            }
            Ok(())
        }
        1 => check_garbage(u, made, Guest::Outer, true, |instance| {
            instance.got_params(Guest::Callee).ok()
        }),
        _ => check_garbage(u, made, Guest::Callee, false, |instance| {
            instance.got_result(Guest::Outer).ok()
        }),
    }
}

/// Whether values fit the guests' small memories.
fn fits((_, values): &(Program, Vec<Value>)) -> bool {
    values.iter().all(|value| size(value) < 400)
}

/// About how many scalars a value is made of.
fn size(value: &Value) -> usize {
    match value {
        Value::List(values) | Value::Record(values) => 1 + values.iter().map(size).sum::<usize>(),
        Value::Variant(_, payload) => 1 + payload.as_deref().map_or(0, size),
        Value::String(string) => 1 + string.len() / 4,
        _ => 1,
    }
}

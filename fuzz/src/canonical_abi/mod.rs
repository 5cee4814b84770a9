//! Values of random types, across every border: between host and guest and between guests, compared with a
//! model of the canonical ABI ([`model`]) that is written from the specification alone.

pub mod guest;
pub mod model;
pub mod run;
pub mod types;

use arbitrary::Unstructured;
use model::{Abi, Encoding, Pointer};
use run::{Guest, Program, Running};
use types::{Ty, Value};

/// Values of each type.
const VALUES: usize = 6;
fn random_abi(u: &mut Unstructured<'_>) -> arbitrary::Result<Abi> {
    let encodings = [Encoding::Utf8, Encoding::Utf16, Encoding::Latin1Utf16];
    Ok(Abi {
        pointer: *u.choose(&[Pointer::I32, Pointer::I32, Pointer::I64])?,
        encoding: *u.choose(&encodings)?,
    })
}

/// A type, the program for it, and values.
pub fn with_host(u: &mut Unstructured<'_>) -> arbitrary::Result<(Program, Vec<Value>)> {
    let ty = Ty::random(u, 4)?;
    let abi = random_abi(u)?;
    let values = (0..VALUES).map(|_| ty.random_value(u));
    let values = values.collect::<arbitrary::Result<_>>()?;
    Ok((Program::with_host(ty, abi), values))
}

/// The same for two guests.
pub fn with_guest(u: &mut Unstructured<'_>) -> arbitrary::Result<(Program, Vec<Value>)> {
    let ty = Ty::random(u, 4)?;
    let abis = [random_abi(u)?, random_abi(u)?];
    let values = (0..VALUES).map(|_| ty.random_value(u));
    let values = values.collect::<arbitrary::Result<_>>()?;
    Ok((Program::with_guest(ty, abis[0], abis[1]), values))
}

/// Checks a value in all directions between host and guest.
pub fn check_with_host(instance: &mut Running<'_>, value: &Value) {
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
pub fn check_with_guest(instance: &mut Running<'_>, value: &Value) {
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

/// Has a guest give values with random bytes in them, as parameters or as results: what `got`
/// finds is what the model makes of them, and what it refuses is a trap.
pub fn check_garbage(
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

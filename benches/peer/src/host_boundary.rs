//! Rows B1 to B5, and B6 and B7, copies of lists: calls between host and guest, typed and
//! dynamic, with scalars, strings and lists of bytes. The same component on both sides.

use crate::measure::{Subject, Timing, alternate};
use crate::{Engines, of_peer};
use anyhow::{Result, bail};

/// Calls in one round.
const CALLS: u32 = 10_000;
/// Calls with a large list in one round.
const COPIES: u32 = 200;
/// Bytes of a large list.
const LARGE: usize = 64 << 10;
/// A large list.
static BYTES: [u8; LARGE] = [7; LARGE];
/// A string of 100 bytes.
const TEXT: &str = match std::str::from_utf8(&[b'x'; 100]) {
    Ok(text) => text,
    Err(_) => "",
};

/// `loop(n)` calls the host's `f(u32) -> u32` that often; the others are called by the host.
const COMPONENT: &str = r#"(component
    (import "f" (func $f (param "n" u32) (result u32)))
    (core func $f' (canon lower (func $f)))
    (core module $m
        (import "" "f" (func $f (param i32) (result i32)))
        (memory (export "memory") 4)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "loop") (param $n i32) (result i32)
            (local $sum i32)
            (loop $again
                (local.set $sum (call $f (local.get $sum)))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $sum))
        (func (export "add-one") (param i32) (result i32)
            (i32.add (local.get 0) (i32.const 1)))
        (func (export "length") (param i32 i32) (result i32) (local.get 1))
        (func (export "bytes") (result i32)
            (i32.store (i32.const 0) (i32.const 1024))
            (i32.store (i32.const 4) (i32.const 65536))
            (i32.const 0)))
    (core instance $i (instantiate $m (with "" (instance (export "f" (func $f'))))))
    (func (export "loop") (param "n" u32) (result u32) (canon lift (core func $i "loop")))
    (func (export "add-one") (param "n" u32) (result u32) (canon lift (core func $i "add-one")))
    (func (export "length") (param "s" string) (result u32)
        (canon lift (core func $i "length")
            (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
    (func (export "list-length") (param "s" (list u8)) (result u32)
        (canon lift (core func $i "length")
            (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
    (func (export "bytes") (result (list u8))
        (canon lift (core func $i "bytes") (memory (core memory $i "memory")))))"#;

/// A row and how it went: ours, then the peer's.
pub(crate) struct Measured {
    /// Its name in the list of targets.
    pub(crate) id: &'static str,
    /// What it does.
    pub(crate) name: &'static str,
    /// Nanoseconds that ours should take at most.
    pub(crate) target: f64,
    /// Ours and the peer's.
    pub(crate) timings: [Timing; 2],
}

/// What one side does in a round of each row.
type Work<'a> = Box<dyn FnMut() -> u64 + 'a>;

/// Each row: its name in the list, what it does, how many calls a round has, and its target.
const ROWS: [(&str, &str, u32, f64); 7] = [
    ("B1", "guest calls host, typed u32", CALLS, 5.0),
    ("B2", "guest calls host, dynamic u32", CALLS, 40.0),
    ("B3", "host calls guest, typed u32", CALLS, 14.0),
    ("B4", "host calls guest, dynamic u32", CALLS, 50.0),
    ("B5", "host calls guest, 100-byte string", CALLS, 40.0),
    ("B6", "64 kB list<u8> to guest", COPIES, 2000.0),
    ("B7", "64 kB list<u8> to host", COPIES, 4000.0),
];

/// Both sides have the same API as far as these rows need it.
macro_rules! side {
    ($name:ident, $crate_:ident, $engine:ident, $error:expr, |$($param:pat_param),*|) => {
        #[expect(clippy::too_many_lines, reason = "one closure after the other, a row each")]
        fn $name(engines: &Engines) -> Result<[Work<'static>; 7]> {
            use $crate_::Store;
            use $crate_::component::{Component, Instance, Linker, Val};
            let component = Component::new(&engines.$engine, COMPONENT).map_err($error)?;
            let instance = |dynamic: bool| -> Result<(Store<()>, Instance)> {
                let mut linker = Linker::<()>::new(&engines.$engine);
                if dynamic {
                    let mut root = linker.root();
                    let defined = root.func_new("f", |$($param),*, params, results| {
                        if let [Val::U32(n)] = params {
                            results[0] = Val::U32(n + 1);
                        }
                        Ok(())
                    });
                    defined.map_err($error)?;
                } else {
                    let f = |_: $crate_::StoreContextMut<'_, ()>, (n,): (u32,)| Ok((n + 1,));
                    linker.root().func_wrap("f", f).map_err($error)?;
                }
                let mut store = Store::new(&engines.$engine, ());
                let instance = linker.instantiate(&mut store, &component).map_err($error)?;
                Ok((store, instance))
            };
            let guest_to_host = |dynamic| -> Result<Work<'static>> {
                let (mut store, instance) = instance(dynamic)?;
                let run = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "loop");
                let run = run.map_err($error)?;
                Ok(Box::new(move || match run.call(&mut store, (CALLS,)) {
                    Ok((sum,)) => sum.into(),
                    Err(error) => panic!("{error:?}"),
                }))
            };
            let typed: Work<'static> = {
                let (mut store, instance) = instance(false)?;
                let run = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "add-one");
                let run = run.map_err($error)?;
                Box::new(move || {
                    let mut sum = 0;
                    for _ in 0..CALLS {
                        (sum,) = run.call(&mut store, (sum,)).unwrap_or_else(|e| panic!("{e:?}"));
                    }
                    sum.into()
                })
            };
            let dynamic: Work<'static> = {
                let (mut store, instance) = instance(false)?;
                let run = instance.get_func(&mut store, "add-one");
                let Some(run) = run else { bail!("no `add-one`") };
                Box::new(move || {
                    let mut result = [Val::U32(0)];
                    for _ in 0..CALLS {
                        let [sum] = &result;
                        let params = [sum.clone()];
                        run.call(&mut store, &params, &mut result)
                            .unwrap_or_else(|e| panic!("{e:?}"));
                    }
                    match result {
                        [Val::U32(sum)] => sum.into(),
                        other => panic!("{other:?}"),
                    }
                })
            };
            let string: Work<'static> = {
                let (mut store, instance) = instance(false)?;
                let run = instance.get_typed_func::<(&str,), (u32,)>(&mut store, "length");
                let run = run.map_err($error)?;
                Box::new(move || {
                    let mut sum = 0;
                    for _ in 0..CALLS {
                        let called = run.call(&mut store, (TEXT,));
                        sum += u64::from(called.unwrap_or_else(|e| panic!("{e:?}")).0);
                    }
                    sum
                })
            };
            let to_guest: Work<'static> = {
                let (mut store, instance) = instance(false)?;
                let run = instance.get_typed_func::<(&[u8],), (u32,)>(&mut store, "list-length");
                let run = run.map_err($error)?;
                Box::new(move || {
                    let mut sum = 0;
                    for _ in 0..COPIES {
                        let called = run.call(&mut store, (&BYTES[..],));
                        sum += u64::from(called.unwrap_or_else(|e| panic!("{e:?}")).0);
                    }
                    sum
                })
            };
            let to_host: Work<'static> = {
                let (mut store, instance) = instance(false)?;
                let run = instance.get_typed_func::<(), (Vec<u8>,)>(&mut store, "bytes");
                let run = run.map_err($error)?;
                Box::new(move || {
                    let mut sum = 0;
                    for _ in 0..COPIES {
                        let (bytes,) = run.call(&mut store, ()).unwrap_or_else(|e| panic!("{e:?}"));
                        sum += bytes.len() as u64;
                    }
                    sum
                })
            };
            Ok([
                guest_to_host(false)?,
                guest_to_host(true)?,
                typed,
                dynamic,
                string,
                to_guest,
                to_host,
            ])
        }
    };
}

side!(ours, threadline, ours, |error| error, |_|);
side!(peer, wasmtime, peer, of_peer, |_, _|);

/// Measures the rows whose names contain `filter`.
pub(crate) fn measure(
    engines: &Engines,
    rounds: usize,
    filter: Option<&str>,
) -> Result<Vec<Measured>> {
    let mut measured = Vec::new();
    for ((id, name, calls, target), (ours, peer)) in ROWS
        .into_iter()
        .zip(ours(engines)?.into_iter().zip(peer(engines)?))
    {
        if filter.is_some_and(|word| !format!("{id} {name}").contains(word)) {
            continue;
        }
        let mut subjects = [Subject::new("ours", ours), Subject::new("peer", peer)];
        let Ok(timings) = alternate(&mut subjects, rounds, calls.into()).try_into() else {
            bail!("two subjects give two timings");
        };
        measured.push(Measured {
            id,
            name,
            target,
            timings,
        });
    }
    Ok(measured)
}

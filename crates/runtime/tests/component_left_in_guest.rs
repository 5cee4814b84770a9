//! Strings and lists that stay in the guest's memory while a host function looks at them; and how
//! much a guest can make the host copy.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use std::borrow::Cow;
use threadline::component::{Component, Instance, Linker, WasmList, WasmStr};
use threadline::{AsContext, Engine, Store};

/// A guest whose `call` gives the host a string and two lists, whose address and length it is told.
fn text(encoding: &str) -> String {
    format!(
        r#"(component
        (import "take" (func $take
            (param "s" string) (param "bytes" (list u8)) (param "pairs" (list (tuple u8 string)))))
        (core module $memory (memory (export "memory") 1)
            (data (i32.const 16) "thread")
            (data (i32.const 32) "t\00h\00")
            (data (i32.const 48) "\07\00\00\00\10\00\00\00\02\00\00\00"))
        (core instance $a (instantiate $memory))
        (core func $take' (canon lower (func $take) string-encoding={encoding}
            (memory (core memory $a "memory"))))
        (core module $m
            (import "" "memory" (memory 1))
            (import "" "take" (func $take (param i32 i32 i32 i32 i32 i32)))
            (func (export "call") (param i32 i32)
                (call $take (local.get 0) (local.get 1)
                    (i32.const 16) (i32.const 4) (i32.const 48) (i32.const 1)))
            ;; Lists that all are the whole memory.
            (func (export "many") (param $n i32) (result i32)
                (local $at i32)
                (local.set $at (i32.const 1024))
                (i32.store (i32.const 0) (local.get $at))
                (i32.store (i32.const 4) (local.get $n))
                (loop $again
                    (i32.store offset=4 (local.get $at) (i32.const 65536))
                    (local.set $at (i32.add (local.get $at) (i32.const 8)))
                    (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (i32.const 0)))
        (core instance $i (instantiate $m (with "" (instance
            (export "memory" (memory $a "memory"))
            (export "take" (func $take'))))))
        (func (export "call") (param "at" u32) (param "length" u32)
            (canon lift (core func $i "call")))
        (func (export "many") (param "n" u32) (result (list (list u8)))
            (canon lift (core func $i "many") (memory (core memory $a "memory")))))"#
    )
}

/// What the host saw: the string, whether it was borrowed, the bytes, the pairs.
type Seen = (String, bool, Vec<u8>, Vec<(u8, String)>);

fn instance(encoding: &str) -> (Store<Option<Seen>>, Instance) {
    let engine = Engine::default();
    let component = Component::new(&engine, text(encoding)).unwrap();
    let mut linker = Linker::<Option<Seen>>::new(&engine);
    type Params = (WasmStr, WasmList<u8>, WasmList<(u8, String)>);
    linker
        .root()
        .func_wrap("take", |mut store, (string, bytes, pairs): Params| {
            let read = string.to_str(&store)?;
            let borrowed = matches!(read, Cow::Borrowed(_));
            let read = read.into_owned();
            assert_eq!(bytes.to_vec(store.as_context())?, bytes.as_slice(&store)?);
            assert_eq!(bytes.get(store.as_context(), 0).unwrap()?, b't');
            assert!(bytes.get(store.as_context(), bytes.len()).is_none());
            let bytes = bytes.as_slice(&store)?.to_vec();
            let pairs = pairs.to_vec(store.as_context()).ok().unwrap_or_default();
            *store.data_mut() = Some((read, borrowed, bytes, pairs));
            Ok(())
        })
        .unwrap();
    let mut store = Store::new(&engine, None);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    (store, instance)
}

fn call(encoding: &str, at: u32, length: u32) -> anyhow::Result<Seen> {
    let (mut store, instance) = instance(encoding);
    let call = instance.get_typed_func::<(u32, u32), ()>(&mut store, "call")?;
    call.call(&mut store, (at, length))?;
    Ok(store.data_mut().take().unwrap())
}

#[test]
fn utf8_is_borrowed_and_other_encodings_are_converted() {
    let pairs = vec![(7, "th".to_owned())];
    assert_eq!(
        call("utf8", 16, 6).unwrap(),
        ("thread".to_owned(), true, b"thre".to_vec(), pairs)
    );
    let (string, borrowed, ..) = call("utf16", 32, 2).unwrap();
    assert_eq!((string.as_str(), borrowed), ("th", false));
    let (string, borrowed, ..) = call("latin1+utf16", 32, 0x8000_0001).unwrap();
    assert_eq!((string.as_str(), borrowed), ("t", false));
    let (string, borrowed, ..) = call("latin1+utf16", 16, 3).unwrap();
    assert_eq!((string.as_str(), borrowed), ("thr", false));
}

#[test]
fn where_a_string_lies_is_checked_before_the_host_is_called() {
    #[track_caller]
    fn check(encoding: &str, at: u32, length: u32, expected: &str) {
        let error = format!("{:#}", call(encoding, at, length).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
    check("utf8", 65536, 1, "string pointer/length out of bounds");
    check("utf8", 0, 1 << 28, "exceeds the maximum byte length");
    check("utf16", 33, 1, "unaligned pointer");
}

#[test]
fn lists_of_the_same_bytes_can_not_fill_the_hosts_memory() {
    let (mut store, instance) = instance("utf8");
    let many = instance
        .get_typed_func::<(u32,), (Vec<Vec<u8>>,)>(&mut store, "many")
        .unwrap();
    let (lists,) = many.call(&mut store, (16,)).unwrap();
    assert!(lists.iter().all(|list| list.len() == 65536));
    let error = many.call(&mut store, (5000,)).unwrap_err();
    assert!(
        format!("{error:#}").contains("bytes on the host"),
        "{error:#}"
    );
}

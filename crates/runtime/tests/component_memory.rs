//! Strings and lists of bytes: through `realloc` into a guest, out of its memory, and everything
//! that can be wrong with them.

use threadline::component::{Component, Instance, Linker, Val};
use threadline::{Engine, Store, Trap};

/// A component with a bump allocator, a memory of one page and functions over strings; the host
/// functions are `host-string: func(s: string) -> string` and `host-bytes` for `list<u8>`.
const TEXT: &str = r#"(component
    (import "host-string" (func $host-string (param "s" string) (result string)))
    (import "host-bytes" (func $host-bytes (param "b" (list u8)) (result (list u8))))
    (core module $allocator
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            ;; only new allocations of bytes are asked for
            (if (i32.or (local.get 0) (local.get 1)) (then unreachable))
            (if (i32.ne (local.get 2) (i32.const 1)) (then unreachable))
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get 3))))
    )
    (core instance $a (instantiate $allocator))
    (core func $host-string' (canon lower (func $host-string)
        (memory (core memory $a "memory")) (realloc (core func $a "realloc"))))
    (core func $host-bytes' (canon lower (func $host-bytes)
        (memory (core memory $a "memory")) (realloc (core func $a "realloc"))))
    (core module $m
        (import "" "memory" (memory 1))
        (import "" "host-string" (func $host-string (param i32 i32 i32)))
        (import "" "host-bytes" (func $host-bytes (param i32 i32 i32)))
        (func (export "string") (param i32 i32) (result i32)
            (call $host-string (local.get 0) (local.get 1) (i32.const 16))
            (i32.const 16))
        (func (export "bytes") (param i32 i32) (result i32)
            (call $host-bytes (local.get 0) (local.get 1) (i32.const 16))
            (i32.const 16))
        (func (export "raw") (param i32 i32) (result i32)
            (i32.store (i32.const 32) (local.get 0))
            (i32.store (i32.const 36) (local.get 1))
            (i32.const 32))
        (func (export "raw-at") (param i32) (result i32) (local.get 0))
        (func (export "poke") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
        (func (export "host-at") (param i32 i32 i32)
            (call $host-string (local.get 0) (local.get 1) (local.get 2)))
    )
    (core instance $i (instantiate $m (with "" (instance
        (export "memory" (memory $a "memory"))
        (export "host-string" (func $host-string'))
        (export "host-bytes" (func $host-bytes'))))))
    (func (export "string") (param "s" string) (result string)
        (canon lift (core func $i "string")
            (memory (core memory $a "memory")) (realloc (core func $a "realloc"))))
    (func (export "bytes") (param "b" (list u8)) (result (list u8))
        (canon lift (core func $i "bytes")
            (memory (core memory $a "memory")) (realloc (core func $a "realloc"))))
    (func (export "raw-string") (param "at" u32) (param "length" u32) (result string)
        (canon lift (core func $i "raw") (memory (core memory $a "memory"))))
    (func (export "raw-bytes") (param "at" u32) (param "length" u32) (result (list u8))
        (canon lift (core func $i "raw") (memory (core memory $a "memory"))))
    (func (export "raw-at") (param "at" u32) (result string)
        (canon lift (core func $i "raw-at") (memory (core memory $a "memory"))))
    (func (export "poke") (param "at" u32) (param "byte" u8)
        (canon lift (core func $i "poke")))
    (func (export "host-at") (param "at" u32) (param "length" u32) (param "result-at" u32)
        (canon lift (core func $i "host-at")))
)"#;

/// An instance whose host functions turn strings to upper case and bytes around.
fn instance() -> (Store<()>, Instance) {
    let engine = Engine::default();
    let component = Component::new(&engine, TEXT).expect("a valid component");
    let mut linker = Linker::new(&engine);
    let mut root = linker.root();
    root.func_wrap("host-string", |_, (s,): (String,)| Ok((s.to_uppercase(),)))
        .expect("a new name");
    root.func_wrap("host-bytes", |_, (mut bytes,): (Vec<u8>,)| {
        bytes.reverse();
        Ok((bytes,))
    })
    .expect("a new name");
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).expect("it fits");
    (store, instance)
}

#[test]
fn strings_go_in_and_out_and_through_the_host() {
    let (mut store, instance) = instance();
    let func = instance
        .get_typed_func::<(&str,), (String,)>(&mut store, "string")
        .expect("the right types");
    for (given, expected) in [("", ""), ("grüße ☃", "GRÜSSE ☃"), ("a\0b", "A\0B")] {
        let (result,) = func.call(&mut store, (given,)).expect("no trap");
        assert_eq!(result, expected);
        let mut results = [Val::Bool(false)];
        func.func()
            .call(&mut store, &[Val::from(given)], &mut results)
            .expect("no trap");
        assert_eq!(results, [Val::from(expected)]);
    }
}

#[test]
fn bytes_go_in_and_out_and_through_the_host() {
    let (mut store, instance) = instance();
    let func = instance
        .get_typed_func::<(&[u8],), (Vec<u8>,)>(&mut store, "bytes")
        .expect("the right types");
    let given: Vec<u8> = (0..=255).collect();
    let (result,) = func.call(&mut store, (&given,)).expect("no trap");
    let expected: Vec<u8> = given.iter().rev().copied().collect();
    assert_eq!(result, expected);

    let list = |bytes: &[u8]| Val::List(bytes.iter().copied().map(Val::U8).collect());
    let mut results = [Val::Bool(false)];
    func.func()
        .call(&mut store, &[list(&given)], &mut results)
        .expect("no trap");
    assert_eq!(results, [list(&expected)]);
}

/// The trap of a call that takes numbers, in an instance of its own.
fn trap(name: &str, params: &[u32]) -> Option<Trap> {
    let (mut store, instance) = instance();
    let func = instance.get_func(&mut store, name).expect("an export");
    let params: Vec<Val> = params.iter().copied().map(Val::U32).collect();
    let mut results = vec![Val::Bool(false); func.ty(&store).results().len()];
    let error = func.call(&mut store, &params, &mut results).err()?;
    let trap = error.downcast_ref::<Trap>().copied();
    Some(trap.unwrap_or_else(|| panic!("not a trap: {error:?}")))
}

#[test]
fn a_string_or_list_must_lie_in_memory() {
    let end = 65536;
    for (at, length) in [(0, end), (end, 0), (end - 1, 1)] {
        assert_eq!(trap("raw-string", &[at, length]), None, "{at}+{length}");
        assert_eq!(trap("raw-bytes", &[at, length]), None, "{at}+{length}");
    }
    for (at, length) in [
        (end + 1, 0),
        (end - 1, 2),
        (0xdead_beef, 0),
        (u32::MAX, 2),
        (0, (1 << 28) - 1),
    ] {
        let string = trap("raw-string", &[at, length]);
        assert_eq!(
            string,
            Some(Trap::StringPointerOutOfBounds),
            "{at}+{length}"
        );
        let bytes = trap("raw-bytes", &[at, length]);
        assert_eq!(bytes, Some(Trap::ListPointerOutOfBounds), "{at}+{length}");
    }
}

#[test]
fn a_string_or_list_is_limited_in_length() {
    for length in [1 << 28, u32::MAX] {
        assert_eq!(trap("raw-string", &[0, length]), Some(Trap::ListTooLong));
        assert_eq!(trap("raw-bytes", &[0, length]), Some(Trap::ListTooLong));
    }
}

#[test]
fn a_result_in_memory_must_be_aligned_and_lie_there() {
    assert_eq!(trap("raw-at", &[64]), None);
    assert_eq!(trap("raw-at", &[65528]), None);
    assert_eq!(trap("raw-at", &[66]), Some(Trap::UnalignedPointer));
    assert_eq!(trap("raw-at", &[65532]), Some(Trap::CanonicalOutOfBounds));
    assert_eq!(
        trap("raw-at", &[u32::MAX - 3]),
        Some(Trap::CanonicalOutOfBounds)
    );
}

#[test]
fn the_guest_says_where_a_host_functions_result_goes_and_must_say_well() {
    assert_eq!(trap("host-at", &[0, 0, 64]), None);
    assert_eq!(trap("host-at", &[0, 0, 65]), Some(Trap::UnalignedPointer));
    assert_eq!(
        trap("host-at", &[0, 0, 65532]),
        Some(Trap::CanonicalOutOfBounds)
    );
    assert_eq!(
        trap("host-at", &[70000, 1, 64]),
        Some(Trap::StringPointerOutOfBounds)
    );
}

#[test]
fn a_string_must_be_utf8() {
    for (byte, expected) in [
        (0xff, Trap::InvalidUtf8),
        (0x80, Trap::InvalidUtf8),
        (0xc3, Trap::IncompleteUtf8),
    ] {
        let (mut store, instance) = instance();
        let poke = instance
            .get_typed_func::<(u32, u8), ()>(&mut store, "poke")
            .expect("the right types");
        poke.call(&mut store, (100, byte)).expect("no trap");
        let raw = instance
            .get_typed_func::<(u32, u32), (String,)>(&mut store, "raw-string")
            .expect("the right types");
        let error = raw.call(&mut store, (100, 1)).expect_err("not utf-8");
        assert_eq!(error.downcast_ref(), Some(&expected), "{byte:#x}");
    }
}

/// What a call with one string does when `realloc` returns `address`.
fn with_realloc(address: i32, ty: &str) -> anyhow::Result<()> {
    let text = format!(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                    (i32.const {address}))
                (func (export "f") (param i32 i32)))
            (core instance $i (instantiate $m))
            (func (export "f") (param "v" {ty})
                (canon lift (core func $i "f") (memory (core memory $i "memory"))
                    (realloc (core func $i "realloc"))))
        )"#
    );
    let engine = Engine::default();
    let component = Component::new(&engine, text)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
    let func = instance.get_func(&mut store, "f").expect("an export");
    func.call(&mut store, &[Val::from("four")], &mut [])
}

#[test]
fn what_realloc_returns_is_checked() {
    with_realloc(65532, "string").expect("it fits exactly");
    for address in [65533, 65536, -1] {
        let error = with_realloc(address, "string").expect_err("out of bounds");
        assert_eq!(error.downcast_ref(), Some(&Trap::ReallocOutOfBounds));
    }
}

#[test]
fn realloc_and_post_return_may_not_call_out() {
    for (realloc, post_return) in [("(call $out)", ""), ("", "(call $out)")] {
        let text = format!(
            r#"(component
                (import "out" (func $out))
                (core func $out' (canon lower (func $out)))
                (core module $m
                    (import "" "out" (func $out))
                    (memory (export "memory") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                        {realloc} (i32.const 64))
                    (func (export "f") (param i32 i32) (call $out))
                    (func (export "post") {post_return}))
                (core instance $i (instantiate $m
                    (with "" (instance (export "out" (func $out'))))))
                (func (export "f") (param "v" string)
                    (canon lift (core func $i "f") (memory (core memory $i "memory"))
                        (realloc (core func $i "realloc"))
                        (post-return (core func $i "post"))))
            )"#
        );
        let engine = Engine::default();
        let component = Component::new(&engine, text).expect("a valid component");
        let mut linker = Linker::new(&engine);
        linker
            .root()
            .func_wrap("out", |_, ()| Ok(()))
            .expect("a new name");
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &component).expect("it fits");
        let func = instance
            .get_typed_func::<(&str,), ()>(&mut store, "f")
            .expect("the right types");
        let error = func.call(&mut store, ("x",)).expect_err("it may not leave");
        assert_eq!(error.downcast_ref(), Some(&Trap::CannotLeaveComponent));
    }
}

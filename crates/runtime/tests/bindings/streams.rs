//! Streams, futures and error contexts in functions that bindings are generated for.

use threadline::component::{
    Component, ErrorContext, FutureReader, HasSelf, Linker, StreamReader, bindgen,
};
use threadline::{Engine, Store};

bindgen!({ path: "tests/bindings/wit/streams.wit" });

/// The exports `drop` and `last` pass on what they are given; what `why` gives is measured.
const GUEST: &str = r#"(component
  (import "last" (func $last (param "of" (stream u8)) (param "and" (option (future string)))
    (result (stream u8))))
  (import "why" (func $why (result error-context)))
  (core module $Memory
    (memory (export "m") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $memory (instantiate $Memory))
  (core func $last' (canon lower (func $last)))
  (core func $why' (canon lower (func $why)))
  (core func $message (canon error-context.debug-message (memory (core memory $memory "m"))
    (realloc (core func $memory "realloc"))))
  (type $bytes (stream u8))
  (core func $drop-bytes (canon stream.drop-readable $bytes))
  (type $future (future))
  (core func $drop-done (canon future.drop-readable $future))
  (core module $M
    (import "" "m" (memory 1))
    (import "" "last" (func $last (param i32 i32 i32) (result i32)))
    (import "" "why" (func $why (result i32)))
    (import "" "message" (func $message (param i32 i32)))
    (import "" "drop-bytes" (func $drop-bytes (param i32)))
    (import "" "drop-done" (func $drop-done (param i32)))
    (func (export "pass") (param i32) (result i32) (local.get 0))
    (func (export "last") (param i32) (result i32)
      (call $last (local.get 0) (i32.const 0) (i32.const 0)))
    (func (export "message-length") (result i32)
      (call $message (call $why) (i32.const 8))
      (i32.load (i32.const 12)))
    (func (export "drop") (param i32 i32)
      (call $drop-bytes (local.get 0))
      (call $drop-done (local.get 1))))
  (core instance $m (instantiate $M (with "" (instance
    (export "m" (memory $memory "m"))
    (export "last" (func $last')) (export "why" (func $why')) (export "message" (func $message))
    (export "drop-bytes" (func $drop-bytes)) (export "drop-done" (func $drop-done))))))
  (type $both' (record (field "bytes" (stream u8)) (field "done" $future)))
  (export $both "both" (type $both'))
  (func (export "pass") (param "bytes" (stream u8)) (result (stream u8))
    (canon lift (core func $m "pass")))
  (func (export "last") (param "of" (stream u8)) (result (stream u8))
    (canon lift (core func $m "last")))
  (func (export "message-length") (result u32) (canon lift (core func $m "message-length")))
  (func (export "drop") (param "of" $both) (canon lift (core func $m "drop"))))
"#;

struct Host;

impl StreamsImports for Host {
    fn last(
        &mut self,
        of: StreamReader<u8>,
        and: Option<FutureReader<String>>,
    ) -> StreamReader<u8> {
        assert!(and.is_none());
        of
    }

    fn why(&mut self) -> ErrorContext {
        ErrorContext::new("because")
    }
}

#[test]
fn streams_and_the_like_are_passed() {
    let engine = Engine::default();
    let component = Component::new(&engine, GUEST).unwrap();
    let mut linker = Linker::new(&engine);
    Streams::add_to_linker::<_, HasSelf<_>>(&mut linker, |host| host).unwrap();
    let mut store = Store::new(&engine, Host);
    let guest = Streams::instantiate(&mut store, &component, &linker).unwrap();

    let bytes = StreamReader::from_vec(&mut store, vec![1, 2, 3]).unwrap();
    let bytes = guest.call_pass(&mut store, bytes).unwrap();
    let bytes = guest.call_last(&mut store, bytes).unwrap();
    assert_eq!(guest.call_message_length(&mut store).unwrap(), 7);
    let done = FutureReader::new(&mut store, async { anyhow::Ok(()) }).unwrap();
    guest.call_drop(&mut store, &Both { bytes, done }).unwrap();
}

//! Calls of component functions on stacks of their own, with host functions that are futures.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(missing_docs, reason = "tests")]

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use threadline::component::{Component, Instance, Linker, Val};
use threadline::{Engine, Store, StoreContextMut, Trap};

/// Polls a future until it is ready; also how often it was pending.
fn block_on<F: Future>(future: F) -> (F::Output, u32) {
    let mut future = pin!(future);
    let mut pending = 0;
    loop {
        match future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(value) => return (value, pending),
            Poll::Pending => pending += 1,
        }
    }
}

/// Pending so often.
async fn pending(times: u32) {
    let mut left = times;
    poll_fn(|_| match left {
        0 => Poll::Ready(()),
        _ => {
            left -= 1;
            Poll::Pending
        }
    })
    .await;
}

/// `echo` passes a string through the host; `slot` keeps a value in a context slot over a wait;
/// the start function waits, too.
const TEXT: &str = r#"(component
    (import "echo" (func $echo (param "s" string) (result string)))
    (import "wait" (func $wait (param "n" u32)))
    (core module $libc
        (memory (export "memory") 1)
        (global $top (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.get $top)
            (global.set $top (i32.add (global.get $top) (local.get 3)))))
    (core instance $libc (instantiate $libc))
    (core func $echo' (canon lower (func $echo)
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (core func $wait' (canon lower (func $wait)))
    (core func $get (canon context.get i32 0))
    (core func $set (canon context.set i32 0))
    (core module $m
        (import "" "echo" (func $echo (param i32 i32 i32)))
        (import "" "wait" (func $wait (param i32)))
        (import "" "get" (func $get (result i32)))
        (import "" "set" (func $set (param i32)))
        (func $start (call $wait (i32.const 2)))
        (start $start)
        (func (export "echo") (param i32 i32) (result i32)
            (call $echo (local.get 0) (local.get 1) (i32.const 16))
            (i32.const 16))
        (func (export "slot") (param i32 i32) (result i32)
            (call $set (local.get 1))
            (call $wait (local.get 0))
            (call $get)))
    (core instance $i (instantiate $m (with "" (instance
        (export "echo" (func $echo')) (export "wait" (func $wait'))
        (export "get" (func $get)) (export "set" (func $set))))))
    (func (export "echo") (param "s" string) (result string) (canon lift (core func $i "echo")
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (func (export "slot") (param "n" u32) (param "v" u32) (result u32)
        (canon lift (core func $i "slot")))
)"#;

type Data = Option<Instance>;

fn echo(
    _: StoreContextMut<'_, Data>,
    (s,): (String,),
) -> Box<dyn Future<Output = anyhow::Result<(String,)>> + Send + '_> {
    Box::new(async move {
        pending(2).await;
        Ok((format!("{s}!"),))
    })
}

/// Waits so often; 100 makes a call of the same instance meanwhile.
fn wait<'a>(
    mut store: StoreContextMut<'a, Data>,
    params: &'a [Val],
    _: &'a mut [Val],
) -> Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a> {
    Box::new(async move {
        match params {
            [Val::U32(100)] => {
                let guest = store.data().unwrap();
                let slot = guest.get_typed_func::<(u32, u32), (u32,)>(&mut store, "slot")?;
                pending(1).await;
                assert_eq!(slot.call_async(&mut store, (1, 77)).await?, (77,));
                pending(1).await;
            }
            [Val::U32(n)] => pending(*n).await,
            other => panic!("{other:?}"),
        }
        Ok(())
    })
}

fn guest() -> (Store<Data>, Instance) {
    let engine = Engine::default();
    let component = Component::new(&engine, TEXT).unwrap();
    let mut linker = Linker::new(&engine);
    linker.root().func_wrap_async("echo", echo).unwrap();
    linker.root().func_new_async("wait", wait).unwrap();
    let mut store = Store::new(&engine, None);
    let (instance, times) = block_on(linker.instantiate_async(&mut store, &component));
    assert_eq!(times, 2);
    let instance = instance.unwrap();
    *store.data_mut() = Some(instance);
    (store, instance)
}

#[test]
fn values_go_there_and_back_over_a_wait() {
    let (mut store, instance) = guest();
    let echo = instance.get_typed_func::<(&str,), (String,)>(&mut store, "echo");
    let (result, times) = block_on(echo.unwrap().call_async(&mut store, ("hello",)));
    assert_eq!(result.unwrap(), ("hello!".to_string(),));
    assert_eq!(times, 2);
    let echo = instance.get_func(&mut store, "echo").unwrap();
    let mut results = [Val::Bool(false)];
    let params = [Val::String("again".into())];
    let (result, _) = block_on(echo.call_async(&mut store, &params, &mut results));
    result.unwrap();
    assert_eq!(results, [Val::String("again!".into())]);
}

#[test]
fn context_slots_are_the_threads_own_over_waits_and_calls() {
    let (mut store, instance) = guest();
    let slot = instance.get_typed_func::<(u32, u32), (u32,)>(&mut store, "slot");
    let slot = slot.unwrap();
    for n in [0, 3, 100] {
        assert_eq!(
            block_on(slot.call_async(&mut store, (n, 5))).0.unwrap(),
            (5,)
        );
    }
}

#[test]
fn a_plain_call_that_would_wait_is_an_error_that_locks() {
    let (mut store, instance) = guest();
    let slot = instance.get_typed_func::<(u32, u32), (u32,)>(&mut store, "slot");
    let slot = slot.unwrap();
    assert_eq!(slot.call(&mut store, (0, 6)).unwrap(), (6,));
    let error = slot.call(&mut store, (1, 6)).unwrap_err();
    assert!(format!("{error:#}").contains("call_async"), "{error:#}");
    let error = block_on(slot.call_async(&mut store, (0, 6))).0.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::CannotEnterComponent));
}

#[test]
fn dropping_a_call_locks_the_instance() {
    let (mut store, instance) = guest();
    let slot = instance.get_typed_func::<(u32, u32), (u32,)>(&mut store, "slot");
    let slot = slot.unwrap();
    let mut call = Box::pin(slot.call_async(&mut store, (100, 5)));
    let cx = &mut Context::from_waker(Waker::noop());
    for _ in 0..2 {
        assert!(call.as_mut().poll(cx).is_pending());
    }
    drop(call);
    let error = slot.call(&mut store, (0, 5)).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::CannotEnterComponent));
}

#[test]
fn futures_of_calls_can_be_sent_to_other_threads() {
    let (mut store, instance) = guest();
    let echo = instance.get_typed_func::<(&str,), (String,)>(&mut store, "echo");
    let echo = echo.unwrap();
    let mut call = Box::pin(echo.call_async(&mut store, ("far",)));
    let result = loop {
        let poll = std::thread::scope(|scope| {
            let poll = || call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            scope.spawn(poll).join().unwrap()
        });
        if let Poll::Ready(result) = poll {
            break result;
        }
    };
    assert_eq!(result.unwrap(), ("far!".to_string(),));
}

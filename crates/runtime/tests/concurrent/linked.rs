//! Functions of one instance as imports of another that is instantiated on its own.

use crate::setup::{HUB, block_on, yields};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use threadline::component::{Component, ConcurrencyCounts, Linker};
use threadline::{Engine, Store};

#[test]
fn async_functions_of_another_instance_are_subtasks() {
    let engine = Engine::default();
    let hub = Component::new(&engine, HUB).unwrap();
    let mut linker = Linker::new(&engine);
    let together = Arc::new(AtomicU32::new(0));
    let peak = Arc::new(AtomicU32::new(0));
    let counters = (together.clone(), peak.clone());
    let mut root = linker.root();
    root.func_wrap_concurrent("sleep", move |_, (n,): (u32,)| {
        let (together, peak) = counters.clone();
        async move {
            peak.fetch_max(
                together.fetch_add(1, Ordering::SeqCst) + 1,
                Ordering::SeqCst,
            );
            yields(n + 20).await;
            together.fetch_sub(1, Ordering::SeqCst);
            Ok((n * 2,))
        }
    })
    .unwrap();
    let mut store = Store::new(&engine, ());
    let inner = linker.instantiate(&mut store, &hub).unwrap();
    for (name, at_once) in [("stackful", 5), ("one", 1), ("double", 0)] {
        let func = inner.get_func(&mut store, name).unwrap();
        let mut outer_linker = Linker::new(&engine);
        outer_linker.root().func(&store, "sleep", func).unwrap();
        let outer = outer_linker.instantiate(&mut store, &hub).unwrap();
        peak.store(0, Ordering::SeqCst);
        for (export, expected) in [("one", 10), ("stackful", 10), ("many", 2 * (1 + 2 + 3 + 4))] {
            let export = outer.get_typed_func::<(u32,), (u32,)>(&mut store, export);
            let result = block_on(export.unwrap().call_async(&mut store, (5,)));
            assert_eq!(result.unwrap(), (expected,), "{name}");
        }
        assert_eq!(peak.load(Ordering::SeqCst), at_once, "{name}");
        assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
    }
}

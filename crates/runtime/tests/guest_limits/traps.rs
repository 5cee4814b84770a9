//! A trap where there is much to lock and to free.

use super::guest::{SHORT, call, crowd, instance};
use threadline::component::{Component, Linker};
use threadline::{Engine, Store, Trap};

/// A [`crowd`] beside so many instances that have tasks, too.
fn crowd_among(instances: usize) -> String {
    let others = r#"(instance (instantiate $Other))"#.repeat(instances);
    let crowd = crowd(SHORT);
    let exports = ["wait", "trap", "messages"]
        .map(|name| format!(r#"(export "{name}" (func $crowd "{name}"))"#));
    format!(
        r#"(component
    (component $Other
        (core func $inc (canon backpressure.inc))
        (core module $m (import "" "inc" (func $inc)) (start $inc))
        (core instance (instantiate $m (with "" (instance (export "inc" (func $inc)))))))
    (component $Crowd {})
    (instance $crowd (instantiate $Crowd))
    {others}
    {})"#,
        crowd
            .trim_start_matches("(component")
            .strip_suffix(')')
            .unwrap(),
        exports.concat()
    )
}

#[test]
fn a_trap_locks_all_instances_of_its_component_and_no_others() {
    let mut store = Store::new(&Engine::default(), ());
    let text = crowd_among(200);
    let component = Component::new(store.engine(), &text).unwrap();
    let linker = Linker::new(store.engine());
    let [first, second] = [0; 2].map(|_| linker.instantiate(&mut store, &component).unwrap());
    let third = instance(&mut store, &crowd(SHORT));
    for round in 0..2 {
        let traps = [&first, &second][round];
        let error = call(&mut store, traps, "trap", 1500, 3).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable), "{error:?}");
        let error = call(&mut store, traps, "messages", 1, 1).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("cannot enter component instance"), "{text}");
        call(&mut store, &third, "messages", 10, 10).unwrap();
    }
    // What was the others' threads' is free again: there are 4,096.
    let error = call(&mut store, &third, "trap", 4000, 3).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable), "{error:?}");
}

#[test]
fn a_store_with_much_in_it_is_dropped() {
    let engine = Engine::default();
    for _ in 0..3 {
        // The stacks of one store are those of the next.
        let mut store = Store::new(&engine, ());
        let instance = instance(&mut store, &crowd(SHORT));
        assert!(call(&mut store, &instance, "wait", 4000, 10_000).is_err());
    }
}

//! Guests: core modules as text, made into components by what their WIT says.

use threadline::Engine;
use threadline::component::Component;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The component of a core module for a world of a WIT package.
pub(crate) fn component(engine: &Engine, wit: &str, world: &str, core: &str) -> Component {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("guest.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut module = wat::parse_str(core).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    let mut encoder = ComponentEncoder::default();
    let bytes = encoder
        .validate(true)
        .module(&module)
        .unwrap()
        .encode()
        .unwrap();
    Component::new(engine, bytes).unwrap()
}

/// A memory and an allocator that never frees.
const MEMORY: &str = r#"
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (func $allocate (export "cabi_realloc") (param i32 i32 i32) (param $size i32)
        (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
        (global.set $next (i32.add (local.get $at) (local.get $size)))
        (local.get $at))
"#;

/// A guest of the world `values` in `wit/values.wit`: all that it exports calls what it imports.
pub(crate) fn values(engine: &Engine) -> Component {
    let core = r#"(module
        (import "t:v/echo" "give-person" (func $person (param i32 i32 i32 i32 i32 i32)))
        (import "t:v/echo" "give-shape" (func $shape (param i32 i32 i32 i32)))
        (import "t:v/echo" "small" (func $small (param i32 i32 i32 i32 i32 i32 i32)))
        (import "t:v/echo" "look-up" (func $look-up (param i32 i32 i32 i32)))
        (import "t:v/echo" "nothing" (func $nothing))
        (import "local" "twice" (func $twice (param i64) (result i64)))
        (import "$root" "log" (func $log (param i32 i32)))
        MEMORY
        (func (export "t:v/echo#give-person") (param i32 i32 i32 i32 i32) (result i32)
            (call $person (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
                (i32.const 64))
            (i32.const 64))
        (func (export "t:v/echo#give-shape") (param i32 i32 i32) (result i32)
            (call $shape (local.get 0) (local.get 1) (local.get 2) (i32.const 64))
            (i32.const 64))
        (func (export "t:v/echo#small") (param i32 i32 i32 i32 i32 i32) (result i32)
            (call $small (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
                (local.get 5) (i32.const 64))
            (i32.const 64))
        (func (export "t:v/echo#look-up") (param i32 i32 i32) (result i32)
            (call $look-up (local.get 0) (local.get 1) (local.get 2) (i32.const 64))
            (i32.const 64))
        (func (export "t:v/echo#nothing") (call $nothing))
        (func (export "local#twice") (param i64) (result i64) (call $twice (local.get 0)))
        (func (export "run") (param i32 i32) (result i32)
            (call $log (local.get 0) (local.get 1))
            (local.get 1))
        (func (export "mix") (param i32) (result i32)
            (i32.rem_u (i32.add (local.get 0) (i32.const 1)) (i32.const 3)))
    )"#;
    let core = core.replace("MEMORY", MEMORY);
    component(engine, include_str!("wit/values.wit"), "values", &core)
}

/// A guest of the world `resources` in `wit/resources.wit`.
pub(crate) fn resources(engine: &Engine) -> Component {
    let core = r#"(module
        (import "t:r/store" "[constructor]file" (func $file (param i32 i32) (result i32)))
        (import "t:r/store" "[method]file.size" (func $size (param i32) (result i32)))
        (import "t:r/store" "[method]file.drop" (func $drop-method (param i32)))
        (import "t:r/store" "[static]file.open" (func $open (param i32) (result i32)))
        (import "t:r/store" "[resource-drop]file" (func $drop (param i32)))
        (import "t:r/users" "use-it" (func $use-it (param i32) (result i32)))
        (import "[export]t:r/counters" "[resource-new]counter"
            (func $new (param i32) (result i32)))
        (import "[export]t:r/counters" "[resource-rep]counter"
            (func $rep (param i32) (result i32)))
        MEMORY
        (global $live (mut i32) (i32.const 0))
        (data (i32.const 16) "four")
        (func (export "use-file") (result i32)
            (local $a i32) (local $b i32)
            (local.set $a (call $file (i32.const 16) (i32.const 4)))
            (local.set $b (call $open (i32.const 30)))
            (call $drop-method (local.get $a))
            (i32.add
                (i32.add (call $size (local.get $a)) (call $size (local.get $b)))
                (call $use-it (local.get $b)))
            (call $drop (local.get $a))
            (call $drop (local.get $b)))
        (func (export "t:r/counters#[constructor]counter") (param $start i32) (result i32)
            (local $at i32)
            (local.set $at
                (call $allocate (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 4)))
            (i32.store (local.get $at) (local.get $start))
            (global.set $live (i32.add (global.get $live) (i32.const 1)))
            (call $new (local.get $at)))
        (func $next (export "t:r/counters#[method]counter.next") (param $at i32) (result i32)
            (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (i32.const 1)))
            (i32.load (local.get $at)))
        (func (export "t:r/counters#[static]counter.merge") (param $a i32) (param $b i32)
            (result i32)
            (local $at i32)
            (local.set $at (call $rep (local.get $a)))
            (i32.store (local.get $at)
                (i32.add (i32.load (local.get $at)) (i32.load (local.get $b))))
            (local.get $a))
        (func (export "t:r/counters#[dtor]counter") (param i32)
            (global.set $live (i32.sub (global.get $live) (i32.const 1))))
        (func (export "t:r/counters#live") (result i32) (global.get $live))
    )"#;
    let core = core.replace("MEMORY", MEMORY);
    component(
        engine,
        include_str!("wit/resources.wit"),
        "resources",
        &core,
    )
}

/// A guest of the world `clocks` in `wit/concurrent.wit`, which calls all functions synchronously.
pub(crate) fn concurrent(engine: &Engine) -> Component {
    let core = r#"(module
        (import "t:c/clock" "[constructor]timer" (func $timer (param i32) (result i32)))
        (import "t:c/clock" "[method]timer.wait" (func $wait (param i32) (result i32)))
        (import "t:c/clock" "[method]timer.left" (func $left (param i32) (result i32)))
        (import "t:c/clock" "[resource-drop]timer" (func $drop (param i32)))
        (import "t:c/clock" "sleep" (func $sleep (param i32 i32 i32 i32)))
        (import "$root" "log" (func $log (param i32 i32)))
        (import "$root" "tick" (func $tick (result i32)))
        MEMORY
        (func $wait-all (export "more#wait-all") (param $n i32) (result i32)
            (local $timer i32)
            (local.set $timer (call $timer (local.get $n)))
            (call $wait (local.get $timer))
            (if (call $left (local.get $timer)) (then unreachable))
            (call $drop (local.get $timer)))
        (func (export "run") (param $text i32) (param $length i32) (param $n i32) (result i32)
            (local $waited i32)
            (local.set $waited (call $wait-all (local.get $n)))
            (call $sleep (local.get $n) (local.get $text) (local.get $length) (i32.const 64))
            (if (i32.load8_u (i32.const 64))
                (then (return (i32.const 1000))))
            (call $log (i32.load (i32.const 68)) (i32.load (i32.const 72)))
            (i32.add (local.get $waited) (i32.load (i32.const 72))))
        (func (export "add") (param i32 i32 i32) (result i32)
            (i32.add (i32.add (local.get 1) (local.get 2)) (call $tick)))
    )"#;
    let core = core.replace("MEMORY", MEMORY);
    component(engine, include_str!("wit/concurrent.wit"), "clocks", &core)
}

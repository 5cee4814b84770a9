//! Types that are nested as deep as validation allows, and stacks of all sizes.

use super::block_on;
use std::thread;
use threadline::component::{Component, Func, Instance, Linker, Val};
use threadline::{Config, Engine, Store, Trap};

/// Constructors inside each other. (Validation allows a hundred, less those around.)
const LEVELS: usize = 90;

/// How a type is made of another one.
const KINDS: [(&str, &str); 9] = [
    ("record", "(record (field \"a\" INNER))"),
    ("tuple", "(tuple INNER)"),
    ("variant", "(variant (case \"c\" INNER))"),
    ("option", "(option INNER)"),
    ("ok", "(result INNER)"),
    ("error", "(result (error INNER))"),
    ("list", "(list INNER)"),
    ("fixed", "(list INNER 1)"),
    ("map", "(map u8 INNER)"),
];

/// Definitions of types inside each other, the outermost of which is `$t`.
fn types_of(levels: usize, constructor: &str, define: &str) -> String {
    let mut text = String::new();
    let mut inner = "u8".to_owned();
    for level in 0..levels {
        let ty = constructor.replace("INNER", &inner);
        let id = if level + 1 == levels {
            "t".to_owned()
        } else {
            format!("t{level}")
        };
        let named = define
            .replace("LEVEL", &level.to_string())
            .replace("ID", &id);
        text += &format!("(type $r{level} {ty}) {named}\n");
        inner = format!("${id}");
    }
    text
}

/// The memory of a guest: a value of any of these types at 8. A list is the one element that is the list
/// again; elsewhere there are ones where `some` and `error` need them.
fn memory(what: &str) -> &'static str {
    match what {
        "option" | "error" => {
            "(memory (export \"memory\") 1) (func $init (memory.fill (i32.const 0) (i32.const 1) (i32.const 512)))"
        }
        "list" => {
            "(memory (export \"memory\") 1) (func $init
                (i32.store (i32.const 8) (i32.const 8)) (i32.store (i32.const 12) (i32.const 1)))"
        }
        "map" => {
            "(memory (export \"memory\") 1) (func $init
                (i32.store (i32.const 12) (i32.const 8)) (i32.store (i32.const 16) (i32.const 1)))"
        }
        _ => "(memory (export \"memory\") 1) (func $init)",
    }
}

/// Whether a value of the type is passed in memory as the only parameter or result.
fn result_is_in_memory(what: &str) -> bool {
    !matches!(what, "record" | "tuple" | "fixed")
}

/// `get` gives a value, `put` takes one, and `run` calls the import with one from a number of frames down.
fn component(what: &str, constructor: &str) -> String {
    let types = types_of(
        LEVELS,
        constructor,
        "(import \"tLEVEL\" (type $ID (eq $rLEVEL)))",
    );
    let memory = memory(what);
    let (ty, value) = match what {
        "list" => ("i32 i32", "(i32.const 8) (i32.const 1)"),
        "map" => ("i32 i32", "(i32.const 8) (i32.const 1)"),
        "record" | "tuple" | "fixed" => ("i32", "(i32.const 7)"),
        // More core values than a function has.
        _ => ("i32", "(i32.const 8)"),
    };
    let get = match result_is_in_memory(what) {
        // After a key, the map again.
        true if what == "map" => "(i32.const 12)",
        true => "(i32.const 8)",
        false => "(i32.const 7)",
    };
    format!(
        r#"(component {types}
            (import "host" (func $host (param "v" $t)))
            (core module $memory {memory} (start $init)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
            (core instance $memory (instantiate $memory))
            (core func $host' (canon lower (func $host) (memory (core memory $memory "memory"))))
            (core module $m
                (import "" "host" (func $host (param {ty})))
                (func $deep (param $n i32)
                    (if (local.get $n)
                        (then (call $deep (i32.sub (local.get $n) (i32.const 1))))
                        (else (call $host {value}))))
                (func (export "run") (param i32) (call $deep (local.get 0)))
                (func (export "put") (param {ty}))
                (func (export "get") (result i32) {get}))
            (core instance $i (instantiate $m (with "" (instance (export "host" (func $host'))))))
            (func (export "run") (param "n" u32) (canon lift (core func $i "run")))
            (func (export "put") (param "v" $t) (canon lift (core func $i "put")
                (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
            (func (export "get") (result $t) (canon lift (core func $i "get")
                (memory (core memory $memory "memory")))))"#
    )
}

fn engine() -> Engine {
    Engine::new(Config::new().max_wasm_stack(1 << 20)).unwrap()
}

fn instantiate(engine: &Engine, component: &Component) -> (Store<()>, Instance) {
    let mut linker = Linker::<()>::new(engine);
    let host = linker.root().func_new("host", |_, params, _| {
        drop(params.to_vec());
        Ok(())
    });
    host.unwrap();
    let mut store = Store::new(engine, ());
    let instance = block_on(linker.instantiate_async(&mut store, component)).unwrap();
    (store, instance)
}

fn components(engine: &Engine) -> impl Iterator<Item = (&'static str, Component)> {
    KINDS.into_iter().map(|(what, constructor)| {
        let text = component(what, constructor);
        let component = Component::new(engine, text);
        (
            what,
            component.unwrap_or_else(|error| panic!("{what}: {error:?}")),
        )
    })
}

/// How much larger frames are than without AddressSanitizer, at most.
const FRAMES: usize = if cfg!(feature = "address-sanitizer") {
    16
} else {
    1
};

fn on_thread<R: Send + 'static>(size: usize, body: impl FnOnce() -> R + Send + 'static) -> R {
    let thread = thread::Builder::new().stack_size(size).spawn(body);
    thread.unwrap().join().unwrap()
}

fn get(store: &mut Store<()>, func: Func) -> anyhow::Result<Val> {
    let mut results = [Val::Bool(false)];
    func.call(store, &[], &mut results)?;
    let [value] = results;
    Ok(value)
}

/// That there is too little stack is all that may be wrong.
fn is_done(result: anyhow::Result<()>, what: &str) -> bool {
    match result {
        Ok(()) => true,
        Err(error) if error.downcast_ref() == Some(&Trap::StackOverflow) => false,
        Err(error) if error.to_string().contains("what is left of the stack") => false,
        Err(error) => panic!("{what}: {error:?}"),
    }
}

fn depth(val: &Val) -> usize {
    let (mut val, mut depth) = (val, 0);
    loop {
        val = match val {
            Val::Record(fields) => &fields[0].1,
            Val::Tuple(vals) | Val::List(vals) | Val::FixedLengthList(vals) => &vals[0],
            Val::Map(entries) => &entries[0].1,
            Val::Variant(_, Some(val))
            | Val::Option(Some(val))
            | Val::Result(Ok(Some(val)) | Err(Some(val))) => val,
            _ => return depth,
        };
        depth += 1;
    }
}

#[test]
fn the_deepest_values_go_both_ways_on_an_ordinary_thread() {
    let engine = engine();
    for (what, component) in components(&engine) {
        let (mut store, instance) = instantiate(&engine, &component);
        let func = instance.get_func(&mut store, "get").unwrap();
        let value = get(&mut store, func).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert_eq!(depth(&value), LEVELS, "{what}");
        let put = instance.get_func(&mut store, "put").unwrap();
        let result = put.call(&mut store, &[value], &mut []);
        assert!(is_done(result, what), "{what}");
        let run = instance
            .get_typed_func::<(u32,), ()>(&mut store, "run")
            .unwrap();
        assert!(is_done(run.call(&mut store, (3,)), what), "{what}");
    }
}

#[test]
fn a_small_thread_moves_deep_values_or_refuses_them() {
    let engine = engine();
    for (what, component) in components(&engine) {
        let (mut store, instance) = instantiate(&engine, &component);
        let func = instance.get_func(&mut store, "get").unwrap();
        let value = get(&mut store, func).unwrap();
        drop(store);
        for size in [128 << 10, 160 << 10, 192 << 10, 256 << 10, 384 << 10] {
            let (mut store, instance) = instantiate(&engine, &component);
            let value = value.clone();
            let done = on_thread(size, move || {
                let func = instance.get_func(&mut store, "get").unwrap();
                let got = get(&mut store, func);
                let (mut store, instance) = (store, instance);
                let lifted = is_done(got.map(drop), what);
                let put = instance.get_func(&mut store, "put").unwrap();
                let put = put.call(&mut store, &[value], &mut []);
                (lifted, put.is_ok())
            });
            // Below that there is no stack for wasm at all.
            assert!(size > 128 << 10 || done == (false, false), "{what} {size}");
        }
    }
}

#[test]
fn values_that_a_guest_passes_wherever_its_stack_ends() {
    let engine = engine();
    let mut arrived = 0;
    for (what, component) in components(&engine) {
        let call = |depth: u32| {
            let (mut store, instance) = instantiate(&engine, &component);
            let run = instance
                .get_typed_func::<(u32,), ()>(&mut store, "run")
                .unwrap();
            is_done(block_on(run.call_async(&mut store, (depth,))), what)
        };
        // The deepest recursion from where the value still arrives, if it ever does on this stack.
        let (mut low, mut high) = (0, 1 << 16);
        if !call(0) {
            continue;
        }
        while high - low > 1 {
            let middle = (low + high) / 2;
            match call(middle) {
                true => low = middle,
                false => high = middle,
            }
        }
        arrived += 1;
        // Whatever is beyond it is an error, up to where the guest itself has no stack.
        for depth in [
            high,
            high + 1,
            high + 100,
            high + 1000,
            high + 2000,
            high + 4000,
            1 << 16,
        ] {
            assert!(!call(depth), "{what} {depth}");
        }
    }
    assert!(arrived >= 4, "only {arrived} kinds of values arrive at all");
}

#[test]
fn values_of_a_guest_are_dropped_cloned_compared_and_printed_on_a_small_stack() {
    let engine = engine();
    for (what, component) in components(&engine) {
        let (mut store, instance) = instantiate(&engine, &component);
        let func = instance.get_func(&mut store, "get").unwrap();
        let value = get(&mut store, func).unwrap();
        on_thread((64 << 10) * FRAMES, move || {
            let clone = value.clone();
            assert!(clone == value, "{what}");
            assert!(format!("{clone:?}").contains("U8("), "{what}");
            drop((value, clone));
        });
    }
}

#[test]
fn types_are_shown_and_compared_on_a_small_stack() {
    let engine = engine();
    for (what, component) in components(&engine) {
        let (mut store, instance) = instantiate(&engine, &component);
        let func = instance.get_func(&mut store, "get").unwrap();
        let ty = func.ty(&store);
        on_thread((128 << 10) * FRAMES, move || {
            assert!(ty == ty.clone(), "{what}");
            assert!(!ty.to_string().is_empty(), "{what}");
        });
        // A value that doesn't fit is told as well.
        let put = instance.get_func(&mut store, "put").unwrap();
        let error = on_thread((512 << 10) * FRAMES, move || {
            let error = put.call(&mut store, &[Val::String("x".into())], &mut []);
            error.unwrap_err().to_string()
        });
        assert!(error.contains("found a `string`"), "{what}: {error}");
    }
}

#[test]
fn the_deepest_types_are_compiled_and_deeper_ones_refused_on_a_small_stack() {
    for (what, constructor) in KINDS {
        let deepest = wat::parse_str(component(what, constructor)).unwrap();
        on_thread((256 << 10) * FRAMES, move || {
            let compiled = Component::new(&engine(), deepest);
            compiled.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        });
        let deeper = types_of(
            2000,
            constructor,
            "(import \"tLEVEL\" (type $ID (eq $rLEVEL)))",
        );
        let deeper = wat::parse_str(format!("(component {deeper})")).unwrap();
        on_thread((256 << 10) * FRAMES, move || {
            let error = Component::new(&engine(), deeper).err().unwrap();
            let error = format!("{error:#}");
            assert!(
                error.contains("nested") || error.contains("nesting"),
                "{what}: {error}"
            );
        });
    }
}

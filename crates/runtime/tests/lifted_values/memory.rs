//! Lists in a guest's memory overlap, so that a page of it is a value of any size.

use anyhow::Result;
use std::sync::Arc;
use threadline::component::types::ComponentItem;
use threadline::component::{Component, Linker, Name, Val};
use threadline::{Config, Engine, Store};

/// The limit in these tests.
const LIMIT: usize = 1 << 20;

/// What is in a guest's memory.
#[derive(Clone, Copy)]
enum Fill {
    /// Bytes of one kind.
    Byte(u8),
    /// Lists and strings of one byte, which is part of such a list itself.
    Ranges,
}

/// A type whose values take more on the host than in the guest.
struct Element {
    what: &'static str,
    /// What it needs to be defined.
    definitions: String,
    ty: String,
    /// Bytes in memory.
    size: usize,
    fill: Fill,
}

/// Elements of all kinds. A name has ten thousand letters.
fn elements() -> Vec<Element> {
    let name = "a".repeat(10_000);
    let labels: String = (0..32).map(|i| format!("\"l{i}-{name}\" ")).collect();
    let named = |what, ty: String, size, fill| Element {
        what,
        definitions: format!("(type $n ({ty})) (export $e \"e\" (type $n))"),
        ty: "$e".to_owned(),
        size,
        fill,
    };
    let plain = |what, ty: &str, size, fill| Element {
        what,
        definitions: String::new(),
        ty: ty.to_owned(),
        size,
        fill,
    };
    let options: String = (1..20)
        .map(|i| format!("(type $o{i} (option $o{})) ", i - 1))
        .collect();
    vec![
        plain("u8", "u8", 1, Fill::Byte(0)),
        plain(
            "tuple",
            &format!("(tuple {})", "u8 ".repeat(200)),
            200,
            Fill::Byte(0),
        ),
        plain("fixed", "(list u8 200)", 200, Fill::Byte(0)),
        plain("result", "(result u8 (error u8))", 2, Fill::Byte(0)),
        plain("map", "(map u8 u8)", 8, Fill::Ranges),
        plain("list", "(list (tuple u8))", 8, Fill::Ranges),
        plain("string", "string", 8, Fill::Ranges),
        named(
            "record",
            format!("record (field \"{name}\" u8)"),
            1,
            Fill::Byte(0),
        ),
        named("enum", format!("enum \"{name}\""), 1, Fill::Byte(0)),
        named(
            "variant",
            format!("variant (case \"{name}\" u8)"),
            2,
            Fill::Byte(0),
        ),
        named("flags", format!("flags {labels}"), 4, Fill::Byte(255)),
        Element {
            definitions: format!("(type $o0 (option u8)) {options}"),
            ..plain("options", "$o19", 21, Fill::Byte(1))
        },
    ]
}

/// `f(n)` gives a list of `n` lists that are one in memory, whose elements have this type.
fn component(element: &Element) -> String {
    let Element {
        definitions,
        ty,
        size,
        fill,
        ..
    } = element;
    let fill = match fill {
        Fill::Byte(byte) => {
            format!("(memory.fill (i32.const 0) (i32.const {byte}) (i32.const 1024))")
        }
        Fill::Ranges => "(loop $ranges
            (i32.store (local.get $i) (i32.const 8))
            (i32.store offset=4 (local.get $i) (i32.const 1))
            (local.set $i (i32.add (local.get $i) (i32.const 8)))
            (br_if $ranges (i32.lt_u (local.get $i) (i32.const 1024))))
            (local.set $i (i32.const 0))"
            .to_owned(),
    };
    format!(
        r#"(component {definitions}
            (type $inner (list {ty}))
            (type $outer (list $inner))
            (core module $m
                (memory (export "memory") 2)
                (func (export "f") (param $n i32) (result i32) (local $i i32)
                    {fill}
                    (loop $lists
                        (if (i32.lt_u (local.get $i) (local.get $n)) (then
                            (i32.store offset=8196 (i32.shl (local.get $i) (i32.const 3))
                                (i32.const {count}))
                            (local.set $i (i32.add (local.get $i) (i32.const 1)))
                            (br $lists))))
                    (i32.store (i32.const 131064) (i32.const 8192))
                    (i32.store (i32.const 131068) (local.get $n))
                    (i32.const 131064)))
            (core instance $i (instantiate $m))
            (func (export "f") (param "n" u32) (result $outer)
                (canon lift (core func $i "f") (memory (core memory $i "memory")))))"#,
        count = 1000 / size,
    )
}

fn engine() -> Engine {
    Engine::new(Config::new().max_lifted_bytes(LIMIT)).unwrap()
}

fn lifted(engine: &Engine, component: &Component, count: u32) -> Result<Val> {
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine).instantiate(&mut store, component)?;
    let func = instance.get_func(&mut store, "f").unwrap();
    let mut results = [Val::Bool(false)];
    func.call(&mut store, &[Val::U32(count)], &mut results)?;
    let [value] = results;
    Ok(value)
}

/// Bytes that are allocated for a value, besides its own. Of vectors, what they use; names are the type's.
fn allocated(val: &Val) -> usize {
    let own = size_of::<Val>();
    match val {
        Val::String(text) => text.len(),
        Val::List(vals) | Val::FixedLengthList(vals) | Val::Tuple(vals) => {
            vals.iter().map(|val| own + allocated(val)).sum()
        }
        Val::Map(entries) => {
            let all = entries.iter().flat_map(|(key, value)| [key, value]);
            all.map(|val| own + allocated(val)).sum()
        }
        Val::Record(fields) => {
            let fields = fields.iter();
            fields
                .map(|(_, val)| size_of::<(Name, Val)>() + allocated(val))
                .sum()
        }
        Val::Flags(labels) => labels.len() * size_of::<Name>(),
        Val::Variant(_, Some(val))
        | Val::Option(Some(val))
        | Val::Result(Ok(Some(val)) | Err(Some(val))) => own + allocated(val),
        _ => 0,
    }
}

#[test]
fn what_a_value_takes_is_counted_whatever_its_type() {
    let engine = engine();
    for element in elements() {
        let what = element.what;
        let component = Component::new(&engine, component(&element)).unwrap();
        // How many lists are still accepted, within one in eight.
        let (mut count, mut value) = (1u32, lifted(&engine, &component, 1).unwrap());
        let error = loop {
            let more = count + count.div_ceil(8);
            match lifted(&engine, &component, more) {
                Ok(larger) => (count, value) = (more, larger),
                Err(error) => break error.to_string(),
            }
            assert!(count < 10_000, "{what}: nothing is counted");
        };
        assert!(
            error.contains("`Config::max_lifted_bytes`"),
            "{what}: {error}"
        );
        assert!(error.contains(&LIMIT.to_string()), "{what}: {error}");
        let bytes = allocated(&value);
        assert!(bytes <= LIMIT, "{what}: {bytes}");
        assert!(
            bytes >= LIMIT / 3,
            "{what}: {bytes}, so more is counted than there is"
        );
    }
}

#[test]
fn names_are_shared_with_the_type() {
    let engine = engine();
    for element in elements() {
        let what = element.what;
        let component = Component::new(&engine, component(&element)).unwrap();
        let name = |list: &Val| -> Option<Arc<str>> {
            let Val::List(lists) = list else {
                panic!("{list:?}")
            };
            let Some(Val::List(elements)) = lists.last() else {
                panic!("{list:?}")
            };
            let name = match elements.last()? {
                Val::Record(fields) => &fields[0].0,
                Val::Enum(name) | Val::Variant(name, _) => name,
                Val::Flags(labels) => labels.last()?,
                _ => return None,
            };
            Some(name.clone().into())
        };
        let names = [1, 2].map(|count| name(&lifted(&engine, &component, count).unwrap()));
        let [Some(one), Some(other)] = names else {
            continue;
        };
        assert!(one.len() >= 10_000);
        assert!(Arc::ptr_eq(&one, &other), "{what}: the name is copied");
    }
}

#[test]
fn parameters_of_a_host_function_have_one_budget_however_many_there_are() {
    let text = |count: usize| {
        let params: String = (0..count)
            .map(|i| format!("(param \"p{i}\" string) "))
            .collect();
        let ranges = "(i32.const 0) (i32.const 65536) ".repeat(count);
        format!(
            r#"(component
                (import "host" (func $host {params}))
                (core module $memory (memory (export "memory") 1))
                (core instance $memory (instantiate $memory))
                (core func $lowered (canon lower (func $host)
                    (memory (core memory $memory "memory"))))
                (core module $m
                    (import "" "host" (func $host (param {types})))
                    (func (export "run") (call $host {ranges})))
                (core instance $i (instantiate $m (with "" (instance
                    (export "host" (func $lowered))))))
                (func (export "run") (canon lift (core func $i "run"))))"#,
            types = "i32 i32 ".repeat(count),
        )
    };
    let engine = Engine::new(Config::new().max_lifted_bytes(LIMIT / 4)).unwrap();
    for (count, fits) in [(1, true), (3, true), (4, false), (8, false)] {
        let component = Component::new(&engine, text(count)).unwrap();
        let mut linker = Linker::<()>::new(&engine);
        let host = linker.root().func_new("host", move |_, params, _| {
            assert_eq!(params.len(), count);
            Ok(())
        });
        host.unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let run = instance
            .get_typed_func::<(), ()>(&mut store, "run")
            .unwrap();
        let called = run.call(&mut store, ());
        let error = called.err().map(|error| format!("{error:?}"));
        assert_eq!(error.is_none(), fits, "{count}: {error:?}");
        let expected = |error: String| error.contains("`Config::max_lifted_bytes`");
        assert!(error.is_none_or(expected), "{count}");
    }
}

#[test]
fn a_type_with_long_names_is_cut_off_as_text() {
    // Written out, it would be 1.25 GB.
    let name = "a".repeat(10_000);
    let text = format!(
        r#"(component
            (type $n (record (field "{name}" u8))) (import "e" (type $e (eq $n)))
            (type $a (tuple {a})) (type $b (tuple {b})) (type $c (tuple {c}))
            (import "host" (func $host (param "v" $c))))"#,
        a = "$e ".repeat(50),
        b = "$a ".repeat(50),
        c = "$b ".repeat(50),
    );
    let engine = engine();
    let component = Component::new(&engine, text).unwrap();
    let ty = component.component_type();
    for (_, item) in ty.imports() {
        let ComponentItem::ComponentFunc(func) = item else {
            continue;
        };
        let (_, param) = func.params().next().unwrap();
        for text in [func.to_string(), format!("{func:?}"), param.to_string()] {
            assert!(text.len() < 66_000 && text.contains('…'), "{}", text.len());
        }
    }
    let mut linker = Linker::<()>::new(&engine);
    linker
        .root()
        .func_wrap("host", |_, (_,): (u32,)| Ok(()))
        .unwrap();
    let error = linker.instantiate_pre(&component).err().unwrap();
    assert!(format!("{error:?}").len() < 400_000);
}

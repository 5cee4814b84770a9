//! Accesses at every edge of a linear memory, in every configuration of reservation and guard.

use super::trap;
use anyhow::Result;
use std::fmt::Write as _;
use threadline::{Config, Engine, Instance, Module, Store, Trap};

const PAGE: u64 = 65536;

/// Loads and stores, with how many bytes each touches.
const ACCESSES: [(&str, &str, u64); 10] = [
    ("i32.load8_u", "", 1),
    ("i32.load16_s", "", 2),
    ("i32.load", "", 4),
    ("i64.load", "", 8),
    ("v128.load", "v", 16),
    ("i32.store8", "i", 1),
    ("i64.store16", "l", 2),
    ("f32.store", "f", 4),
    ("i64.store", "l", 8),
    ("v128.store", "s", 16),
];

/// Static offsets: around zero, a page, the guard of 32 MiB, 2 GiB and the end.
const OFFSETS: [u64; 17] = [
    0,
    1,
    PAGE - 16,
    PAGE - 1,
    PAGE,
    (32 << 20) - 17,
    (32 << 20) - 16,
    (32 << 20) - 15,
    (32 << 20) - 1,
    32 << 20,
    (32 << 20) + 1,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 17,
    (1 << 32) - 16,
    (1 << 32) - 2,
    (1 << 32) - 1,
];

/// A module with a function for each access at each offset, which takes the index.
fn module() -> String {
    let mut text = String::from(r#"(module (memory (export "memory") 1 2) "#);
    for (access, kind, _) in ACCESSES {
        for offset in OFFSETS {
            let op = format!("{access} offset={offset} (local.get 0)");
            let body = match kind {
                "" => format!("(drop ({op}))"),
                "v" => format!("(drop ({op}))"),
                "i" => format!("({op} (i32.const -1))"),
                "l" => format!("({op} (i64.const -1))"),
                "f" => format!("({op} (f32.const 1))"),
                _ => format!("({op} (v128.const i64x2 -1 -1))"),
            };
            let _ = write!(
                text,
                r#"(func (export "{access} {offset}") (param i32) {body})"#
            );
        }
    }
    text + ")"
}

fn check_all(config: &Config) -> Result<()> {
    let engine = Engine::new(config)?;
    let module = Module::new(&engine, module())?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let memory = instance
        .get_memory(&mut store, "memory")
        .expect("an export");
    for pages in 1..=2 {
        let length = pages * PAGE;
        assert_eq!(memory.size(&store), pages);
        for (access, _, size) in ACCESSES {
            for offset in OFFSETS {
                let name = format!("{access} {offset}");
                let func = instance.get_typed_func::<i32, ()>(&mut store, &name)?;
                // The last index that is in bounds and its neighbours, and the edges of i32.
                let last = length.checked_sub(offset + size);
                let edges = [
                    0,
                    1,
                    (1 << 31) - 1,
                    1 << 31,
                    (1 << 32) - 1 - size,
                    (1 << 32) - 1,
                ];
                let near = last.map_or(0..=0, |last| last.saturating_sub(1)..=last + 1);
                for index in edges.into_iter().chain(near) {
                    let index = u32::try_from(index)?;
                    let fits = u64::from(index) + offset + size <= length;
                    let result = func.call(&mut store, index.cast_signed());
                    if fits {
                        result?;
                    } else {
                        assert_eq!(trap(result), Trap::MemoryOutOfBounds, "{name} at {index}");
                    }
                }
            }
        }
        if pages == 1 {
            memory.grow(&mut store, 1)?;
        }
    }
    Ok(())
}

#[test]
fn with_the_default_reservation_and_guard() -> Result<()> {
    check_all(&Config::new())
}

#[test]
fn with_no_guard() -> Result<()> {
    check_all(Config::new().memory_guard_size(0))
}

#[test]
fn with_a_guard_of_odd_size() -> Result<()> {
    check_all(Config::new().memory_guard_size(12345))
}

#[test]
fn with_no_reservation() -> Result<()> {
    check_all(Config::new().memory_reservation(0))
}

#[test]
fn with_neither() -> Result<()> {
    check_all(Config::new().memory_reservation(0).memory_guard_size(0))
}

#[test]
fn with_a_reservation_of_odd_size_just_below_what_needs_no_check() -> Result<()> {
    check_all(Config::new().memory_reservation((1 << 32) - 1))
}

/// Bulk operations: `(operation, a, b, length, whether it is in bounds)` on one page, a segment of
/// ten bytes, and a table of ten with a segment of ten.
const BULK: &str = r#"(module
    (memory 1)
    (table $t 10 funcref) (table $u 10 funcref)
    (data $d "0123456789")
    (elem $e func 0 0 0 0 0 0 0 0 0 0)
    (func (export "memory.copy") (param i32 i32 i32)
        (memory.copy (local.get 0) (local.get 1) (local.get 2)))
    (func (export "memory.fill") (param i32 i32 i32)
        (memory.fill (local.get 0) (local.get 1) (local.get 2)))
    (func (export "memory.init") (param i32 i32 i32)
        (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
    (func (export "table.copy") (param i32 i32 i32)
        (table.copy $t $u (local.get 0) (local.get 1) (local.get 2)))
    (func (export "table.fill") (param i32 i32 i32)
        (table.fill $t (local.get 0) (ref.null func) (local.get 2)))
    (func (export "table.init") (param i32 i32 i32)
        (table.init $t $e (local.get 0) (local.get 1) (local.get 2)))
    (func (export "data.drop") (data.drop $d))
    (func (export "elem.drop") (elem.drop $e)))"#;

#[test]
fn bulk_operations_at_their_edges() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, BULK)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let page = PAGE;
    // Name, length of the target and of the source (none for fills).
    let mut operations = [
        ("memory.copy", page, Some(page)),
        ("memory.fill", page, None),
        ("memory.init", page, Some(10)),
        ("table.copy", 10, Some(10)),
        ("table.fill", 10, None),
        ("table.init", 10, Some(10)),
    ];
    for dropped in [false, true] {
        for (name, target, source) in operations {
            let func = instance.get_typed_func::<(i32, i32, i32), ()>(&mut store, name)?;
            let edges = |length: u64| {
                let top = u64::from(u32::MAX);
                let mut edges = vec![0, 1, length / 2, length, length + 1, 1 << 31, top - 1, top];
                edges.extend(length.checked_sub(1));
                edges
            };
            for to in edges(target) {
                for from in edges(source.unwrap_or(0)) {
                    for length in edges(target.min(source.unwrap_or(target))) {
                        let fits = to + length <= target
                            && source.is_none_or(|source| from + length <= source);
                        let arguments = (to as i32, from as i32, length as i32);
                        let result = func.call(&mut store, arguments);
                        if fits {
                            result?;
                            continue;
                        }
                        let expected = match name.starts_with("memory") {
                            true => Trap::MemoryOutOfBounds,
                            false => Trap::TableOutOfBounds,
                        };
                        assert_eq!(trap(result), expected, "{name} {to} {from} {length}");
                    }
                }
            }
        }
        if !dropped {
            for name in ["data.drop", "data.drop", "elem.drop"] {
                let drop = instance.get_typed_func::<(), ()>(&mut store, name)?;
                drop.call(&mut store, ())?;
            }
            operations[2].2 = Some(0);
            operations[5].2 = Some(0);
        }
    }
    Ok(())
}

#[test]
fn a_memory_grows_to_its_limit_and_no_further() -> Result<()> {
    let text = r#"(module
        (memory (export "memory") 0)
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "size") (result i32) (memory.size))
        (func (export "touch") (param i32) (i32.store8 (local.get 0) (i32.const 1))))"#;
    for guard in [0, 32 << 20] {
        let engine = Engine::new(Config::new().memory_guard_size(guard))?;
        let module = Module::new(&engine, text)?;
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow")?;
        let touch = instance.get_typed_func::<i32, ()>(&mut store, "touch")?;
        assert_eq!(trap(touch.call(&mut store, 0)), Trap::MemoryOutOfBounds);
        let mut size = 0;
        for delta in [
            0,
            1,
            -1,
            65536,
            i32::MAX,
            i32::MIN,
            30_000,
            35_534,
            35_535,
            1,
            1,
            0,
        ] {
            let expected = match u64::from(size as u32) + u64::from(delta as u32) {
                0..=65536 => size,
                _ => -1,
            };
            assert_eq!(grow.call(&mut store, delta)?, expected, "{size} + {delta}");
            if expected != -1 {
                size += delta;
            }
        }
        assert_eq!(size, 65536);
        for _ in 0..1000 {
            assert_eq!(grow.call(&mut store, 1)?, -1);
            assert_eq!(grow.call(&mut store, 0)?, 65536);
        }
        touch.call(&mut store, -1)?;
        touch.call(&mut store, 0)?;
        let memory = instance
            .get_memory(&mut store, "memory")
            .expect("an export");
        assert_eq!(memory.data_size(&store), 1 << 32);
        assert_eq!(memory.data(&store).last(), Some(&1));
        assert!(memory.grow(&mut store, u64::MAX).is_err());
        assert!(memory.grow(&mut store, 1).is_err());
    }
    Ok(())
}

//! Both allocators for instances: nothing of one instance is seen by the next, what is taken is
//! given back however things end, and a pool's limits are errors.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

use threadline::component::{self, Component};
use threadline::{
    Config, Engine, Extern, Instance, Linker, Module, PoolingAllocationConfig, Ref, Store,
    StoreLimits, StoreLimitsBuilder, Trap, Val,
};

const PAGE: usize = 65536;
const SECRET: u8 = 0xA5;

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(2)
        .total_tables(2)
        .total_core_instances(2)
        .total_component_instances(2)
        .table_elements(10_000)
        .max_memory_size(16 * PAGE);
    pool
}

fn engine(pool: Option<&PoolingAllocationConfig>) -> Engine {
    let mut config = Config::new();
    if let Some(pool) = pool {
        config.allocation_strategy(pool.clone());
    }
    Engine::new(&config).unwrap()
}

/// On demand; a pool; pools that clear by writing, a part and everything.
fn engines() -> Vec<Engine> {
    let kept = |bytes| {
        let mut pool = pool();
        pool.linear_memory_keep_resident(bytes)
            .table_keep_resident(bytes);
        pool
    };
    vec![
        engine(None),
        engine(Some(&pool())),
        engine(Some(&kept(5000))),
        engine(Some(&kept(3 * PAGE / 2))),
        engine(Some(&kept(1 << 30))),
    ]
}

fn instantiate(engine: &Engine, module: &Module) -> (Store<()>, Instance) {
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine).instantiate(&mut store, module).unwrap();
    (store, instance)
}

/// Data in two pages, a table, a global, segments to be dropped.
const TENANT: &str = r#"(module
    (memory (export "memory") 2)
    (data (i32.const 100) "first tenant")
    (data (i32.const 65636) "second page")
    (data $passive "passive")
    (table (export "table") 3 funcref)
    (elem (table 0) (i32.const 1) func $f)
    (elem $also_passive func $f)
    (global (export "global") (mut i64) (i64.const 7))
    (func $f)
    (func (export "drop") (data.drop $passive) (elem.drop $also_passive))
    (func (export "init")
        (memory.init $passive (i32.const 0) (i32.const 0) (i32.const 7))
        (table.init $also_passive (i32.const 0) (i32.const 0) (i32.const 1)))
    (func (export "trap") unreachable))"#;

const EMPTY: &str = r#"(module
    (memory (export "memory") 3)
    (table (export "table") 5000 funcref)
    (global (export "global") (mut i64) (i64.const 0))
    (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))"#;

const OTHER: &str = r#"(module
    (memory (export "memory") 1)
    (data (i32.const 5) "other")
    (table (export "table") 1 externref)
    (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))"#;

/// What a memory must hold: `data` at some places, and zero elsewhere.
#[track_caller]
fn holds(bytes: &[u8], data: &[(usize, &[u8])]) {
    let mut expected = vec![0; bytes.len()];
    for (at, data) in data {
        expected[*at..at + data.len()].copy_from_slice(data);
    }
    let first = bytes.iter().zip(&expected).position(|(a, b)| a != b);
    assert_eq!(first, None, "the place of a byte that is someone else's");
}

const TENANT_DATA: [(usize, &[u8]); 2] = [(100, b"first tenant"), (65636, b"second page")];

/// Leaves secrets wherever there is room for them.
fn leave_secrets(engine: &Engine, module: &Module) {
    let (mut store, instance) = instantiate(engine, module);
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    holds(memory.data(&store), &TENANT_DATA);
    assert_eq!(memory.grow(&mut store, 5).unwrap(), 2);
    memory.data_mut(&mut store).fill(SECRET);
    let f = instance.get_func(&mut store, "init").unwrap();
    let table = instance.get_table(&mut store, "table").unwrap();
    table.grow(&mut store, 4000, Ref::Func(Some(f))).unwrap();
    for index in 0..3 {
        table.set(&mut store, index, Ref::Func(Some(f))).unwrap();
    }
    let global = instance.get_global(&mut store, "global").unwrap();
    global.set(&mut store, Val::I64(0x5EC2E7)).unwrap();
    let drop = instance.get_typed_func::<(), ()>(&mut store, "drop");
    drop.unwrap().call(&mut store, ()).unwrap();
}

#[track_caller]
fn is_fresh_tenant(engine: &Engine, module: &Module) {
    let (mut store, instance) = instantiate(engine, module);
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    assert_eq!(memory.data_size(&store), 2 * PAGE);
    holds(memory.data(&store), &TENANT_DATA);
    let table = instance.get_table(&mut store, "table").unwrap();
    assert_eq!(table.size(&store), 3);
    for (index, is_null) in [(0, true), (1, false), (2, true)] {
        let Some(Ref::Func(func)) = table.get(&mut store, index) else {
            panic!("an element of another type");
        };
        assert_eq!(func.is_none(), is_null, "element {index}");
    }
    let global = instance.get_global(&mut store, "global").unwrap();
    assert_eq!(global.get(&mut store).i64(), Some(7));
    let init = instance.get_typed_func::<(), ()>(&mut store, "init");
    init.unwrap().call(&mut store, ()).unwrap();
    assert_eq!(&memory.data(&store)[..7], b"passive");
    // What was grown is fresh, too.
    memory.grow(&mut store, 5).unwrap();
    holds(&memory.data(&store)[2 * PAGE..], &[]);
    table.grow(&mut store, 4000, Ref::Func(None)).unwrap();
    for index in 3..4003 {
        assert!(matches!(
            table.get(&mut store, index),
            Some(Ref::Func(None))
        ));
    }
}

#[test]
fn the_next_instance_of_a_module_is_as_fresh_as_the_first() {
    for engine in engines() {
        let module = Module::new(&engine, TENANT).unwrap();
        for _ in 0..4 {
            leave_secrets(&engine, &module);
            is_fresh_tenant(&engine, &module);
        }
    }
}

#[test]
fn instances_of_other_modules_find_nothing_and_only_as_much_as_is_theirs() {
    for engine in engines() {
        let tenant = Module::new(&engine, TENANT).unwrap();
        let empty = Module::new(&engine, EMPTY).unwrap();
        let other = Module::new(&engine, OTHER).unwrap();
        for _ in 0..3 {
            // Both slots of the pool have been somebody's.
            let first = instantiate(&engine, &tenant);
            leave_secrets(&engine, &tenant);
            drop(first);
            leave_secrets(&engine, &tenant);
            for (module, pages, data) in [
                (&empty, 3, &[][..]),
                (&other, 1, &[(5, &b"other"[..])][..]),
                (&empty, 3, &[]),
            ] {
                let (mut store, instance) = instantiate(&engine, module);
                let memory = instance.get_memory(&mut store, "memory").unwrap();
                assert_eq!(memory.data_size(&store), pages * PAGE);
                holds(memory.data(&store), data);
                let table = instance.get_table(&mut store, "table").unwrap();
                for index in 0..table.size(&store) {
                    let element = table.get(&mut store, index).unwrap();
                    assert!(matches!(element, Ref::Func(None) | Ref::Extern(None)));
                }
                // Behind its end is nothing, whatever was there.
                let load = instance.get_typed_func::<i32, i32>(&mut store, "load");
                for address in [pages * PAGE, 5 * PAGE, 6 * PAGE, 1 << 31] {
                    let error = load
                        .as_ref()
                        .unwrap()
                        .call(&mut store, address as u32 as i32);
                    let error = error.unwrap_err();
                    assert_eq!(error.downcast_ref(), Some(&Trap::MemoryOutOfBounds));
                }
            }
            is_fresh_tenant(&engine, &tenant);
        }
    }
}

/// A component whose core instance has a global, a memory, and its thread's context slots.
const COMPONENT: &str = r#"(component
    (core func $get (canon context.get i32 0))
    (core func $set (canon context.set i32 0))
    (core module $m
        (import "" "get" (func $get (result i32)))
        (import "" "set" (func $set (param i32)))
        (memory 1)
        (data (i32.const 1000) "\01")
        (global $g (mut i32) (i32.const 3))
        (func (export "sum") (result i32)
            (i32.add (call $get)
                (i32.add (global.get $g)
                    (i32.add (i32.load8_u (i32.const 1000)) (i32.load8_u (i32.const 2000))))))
        (func (export "spoil")
            (call $set (i32.const 77))
            (global.set $g (i32.const 77))
            (memory.fill (i32.const 0) (i32.const 77) (i32.const 65536)))
        (func (export "trap") (call $set (i32.const 77)) unreachable))
    (core instance $i (instantiate $m
        (with "" (instance (export "get" (func $get)) (export "set" (func $set))))))
    (func (export "sum") (result u32) (canon lift (core func $i "sum")))
    (func (export "spoil") (canon lift (core func $i "spoil")))
    (func (export "trap") (canon lift (core func $i "trap"))))"#;

#[test]
fn component_instances_are_fresh_also_after_traps() {
    for engine in engines() {
        let component = Component::new(&engine, COMPONENT).unwrap();
        let pre = component::Linker::<()>::new(&engine).instantiate_pre(&component);
        let pre = pre.unwrap();
        for _ in 0..5 {
            let mut store = Store::new(&engine, ());
            let instance = pre.instantiate(&mut store).unwrap();
            let sum = instance
                .get_typed_func::<(), (u32,)>(&mut store, "sum")
                .unwrap();
            assert_eq!(sum.call(&mut store, ()).unwrap(), (4,));
            let spoil = instance
                .get_typed_func::<(), ()>(&mut store, "spoil")
                .unwrap();
            spoil.call(&mut store, ()).unwrap();
            let trap = instance
                .get_typed_func::<(), ()>(&mut store, "trap")
                .unwrap();
            trap.call(&mut store, ()).unwrap_err();
        }
    }
}

#[test]
fn instantiation_that_fails_gives_back_what_it_took() {
    let traps = r#"(module (memory 1) (data (i32.const 0) "x") (table 10 funcref)
        (func $start unreachable) (start $start))"#;
    // The second of its memories has no room in the pool.
    let too_large = "(module (table 10 funcref) (memory 1) (memory 17))";
    let no_fit = r#"(module (memory 1) (data (i32.const 65536) "x"))"#;
    for engine in engines().into_iter().skip(1) {
        let good = Module::new(&engine, TENANT).unwrap();
        for text in [traps, too_large, no_fit] {
            let module = Module::new(&engine, text).unwrap();
            for _ in 0..5 {
                let mut store = Store::new(&engine, ());
                Linker::new(&engine)
                    .instantiate(&mut store, &module)
                    .unwrap_err();
            }
            // In one store, what was refused leaves room for what isn't.
            let mut store = Store::new(&engine, ());
            if text == too_large {
                for _ in 0..5 {
                    Linker::new(&engine)
                        .instantiate(&mut store, &module)
                        .unwrap_err();
                }
                Linker::new(&engine).instantiate(&mut store, &good).unwrap();
            }
            drop(store);
            is_fresh_tenant(&engine, &good);
        }
    }
}

#[test]
fn what_a_limiter_refuses_takes_nothing_from_the_pool() {
    for engine in engines() {
        let module = Module::new(&engine, TENANT).unwrap();
        for _ in 0..5 {
            let limits = StoreLimitsBuilder::new().memory_size(PAGE).build();
            let mut store = Store::new(&engine, limits);
            store.limiter(|limits: &mut StoreLimits| limits);
            Linker::new(&engine)
                .instantiate(&mut store, &module)
                .unwrap_err();
        }
        is_fresh_tenant(&engine, &module);
    }
}

#[test]
fn a_pool_that_is_used_up_or_too_small_says_so() {
    let engine = engine(Some(&pool()));
    let refused = |text: &str, message: &str| {
        let module = Module::new(&engine, text).unwrap();
        let mut store = Store::new(&engine, ());
        let error = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .unwrap_err();
        assert!(format!("{error:#}").contains(message), "{error:#}");
    };
    refused("(module (memory 17))", "for memories of 1048576 bytes");
    refused(
        "(module (table 10001 funcref))",
        "for tables of 10000 elements",
    );
    refused("(module (memory 1) (memory 1) (memory 1))", "2 memories");
    refused(
        "(module (table 1 funcref) (table 1 funcref) (table 1 funcref))",
        "2 tables",
    );
    let module = Module::new(&engine, "(module)").unwrap();
    let held = [instantiate(&engine, &module), instantiate(&engine, &module)];
    refused("(module)", "2 core instances");
    drop(held);
    instantiate(&engine, &module);
    let component = Component::new(&engine, COMPONENT).unwrap();
    let instantiate = || {
        let mut store = Store::new(&engine, ());
        let linker = component::Linker::<()>::new(&engine);
        linker.instantiate(&mut store, &component).map(|_| store)
    };
    let held = [instantiate().unwrap(), instantiate().unwrap()];
    let error = format!("{:#}", instantiate().unwrap_err());
    assert!(error.contains("2 component instances"), "{error}");
    drop(held);
    instantiate().unwrap();
    let mut small = pool();
    small
        .max_component_instance_size(64)
        .max_core_instance_size(16);
    let engine = self::engine(Some(&small));
    let module = Module::new(&engine, "(module)").unwrap();
    let mut store = Store::new(&engine, ());
    let error = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .unwrap_err();
    assert!(
        format!("{error:#}").contains("core instances of 16 bytes"),
        "{error:#}"
    );
}

#[test]
fn growth_stops_at_the_pools_limits() {
    let engine = engine(Some(&pool()));
    let module = Module::new(&engine, TENANT).unwrap();
    let (mut store, instance) = instantiate(&engine, &module);
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    assert!(memory.grow(&mut store, 15).is_err());
    assert_eq!(memory.grow(&mut store, 14).unwrap(), 2);
    let table = instance.get_table(&mut store, "table").unwrap();
    assert!(table.grow(&mut store, 9_998, Ref::Func(None)).is_err());
    assert_eq!(table.grow(&mut store, 9_997, Ref::Func(None)).unwrap(), 3);
}

#[test]
fn data_that_may_fail_is_written_in_order() {
    // The first segment is there although the second doesn't fit: the memory is another's.
    for engine in engines() {
        let exporter = Module::new(&engine, "(module (memory (export \"m\") 1))").unwrap();
        let module = r#"(module (import "" "m" (memory 1))
            (data (i32.const 0) "written") (data (i32.const 65535) "no"))"#;
        let module = Module::new(&engine, module).unwrap();
        let (mut store, instance) = instantiate(&engine, &exporter);
        let memory = instance.get_memory(&mut store, "m").unwrap();
        let imports = [Extern::from(memory)];
        Instance::new(&mut store, &module, &imports).unwrap_err();
        holds(memory.data(&store), &[(0, b"written")]);
    }
}

#[test]
fn stores_on_several_threads_share_a_pool() {
    let engine = engine(Some(&pool()));
    let module = Module::new(&engine, TENANT).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..20 {
                    leave_secrets(&engine, &module);
                    is_fresh_tenant(&engine, &module);
                }
            });
        }
    });
}

#[test]
fn a_module_with_its_imports_found_is_instantiated_in_many_stores() {
    for engine in engines() {
        let module = r#"(module
            (import "host" "add" (func $add (param i32) (result i32)))
            (func (export "run") (param i32) (result i32) (call $add (local.get 0))))"#;
        let module = Module::new(&engine, module).unwrap();
        let mut linker = Linker::<i32>::new(&engine);
        assert!(linker.instantiate_pre(&module).is_err());
        let add = |caller: threadline::Caller<'_, i32>, n: i32| *caller.data() + n;
        linker.func_wrap("host", "add", add).unwrap();
        let pre = linker.instantiate_pre(&module).unwrap();
        for data in 0..5 {
            let mut store = Store::new(&engine, data);
            let instance = pre.instantiate(&mut store).unwrap();
            let run = instance.get_typed_func::<i32, i32>(&mut store, "run");
            assert_eq!(run.unwrap().call(&mut store, 10).unwrap(), 10 + data);
        }
        let mut linker = Linker::<i32>::new(&engine);
        linker.func_wrap("host", "add", || {}).unwrap();
        let error = linker.instantiate_pre(&module).unwrap_err().to_string();
        assert!(error.contains("incompatible import type"), "{error}");
    }
}

#[test]
fn a_prepared_module_still_checks_what_belongs_to_a_store() {
    let engine = Engine::default();
    let module = Module::new(&engine, "(module (import \"\" \"m\" (memory 2)))").unwrap();
    let mut store = Store::new(&engine, ());
    let exporter = Module::new(&engine, "(module (memory (export \"m\") 1))").unwrap();
    let exporter = Instance::new(&mut store, &exporter, &[]).unwrap();
    let mut linker = Linker::new(&engine);
    linker.instance(&mut store, "", exporter).unwrap();
    let pre = linker.instantiate_pre(&module).unwrap();
    pre.instantiate(&mut store).unwrap_err();
    let memory = exporter.get_memory(&mut store, "m").unwrap();
    memory.grow(&mut store, 1).unwrap();
    pre.instantiate(&mut store).unwrap();
    pre.instantiate(Store::new(&engine, ())).unwrap_err();
}

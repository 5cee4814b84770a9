//! What a store's limiter is asked, and what its answers do.
#![allow(missing_docs, reason = "tests")]

use anyhow::{Error, Result, bail};
use threadline::*;

const PAGE: usize = 65536;

const GROWS: &str = r#"(module
    (memory (export "memory") 1 10)
    (table (export "table") 2 20 funcref)
    (func (export "grow-memory") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "grow-table") (param i32) (result i32)
      (table.grow (ref.null func) (local.get 0))))"#;

fn store_with(limits: StoreLimits) -> Store<StoreLimits> {
    let mut store = Store::new(&Engine::default(), limits);
    store.limiter(|limits| limits);
    store
}

fn instance<T: 'static>(store: &mut Store<T>, wat: &str) -> Result<Instance> {
    let module = Module::new(store.engine(), wat)?;
    Instance::new(store, &module, &[])
}

fn grow<T: 'static>(
    store: &mut Store<T>,
    instance: Instance,
    what: &str,
    delta: i32,
) -> Result<i32> {
    let func = instance.get_typed_func::<i32, i32>(&mut *store, what)?;
    func.call(store, delta)
}

#[test]
fn growth_beyond_the_limits_fails_as_the_guest_knows_it() -> Result<()> {
    let limits = StoreLimitsBuilder::new()
        .memory_size(3 * PAGE)
        .table_elements(5)
        .build();
    let mut store = store_with(limits);
    let grows = instance(&mut store, GROWS)?;
    assert_eq!(grow(&mut store, grows, "grow-memory", 1)?, 1);
    assert_eq!(grow(&mut store, grows, "grow-memory", 2)?, -1);
    assert_eq!(grow(&mut store, grows, "grow-memory", 1)?, 2);
    assert_eq!(grow(&mut store, grows, "grow-memory", -1)?, -1);
    assert_eq!(grow(&mut store, grows, "grow-table", 3)?, 2);
    assert_eq!(grow(&mut store, grows, "grow-table", 1)?, -1);
    let memory = grows.get_memory(&mut store, "memory").unwrap();
    assert!(memory.grow(&mut store, 1).is_err());
    assert_eq!(memory.grow(&mut store, 0)?, 3);
    let table = grows.get_table(&mut store, "table").unwrap();
    assert!(table.grow(&mut store, 1, Ref::Func(None)).is_err());
    Ok(())
}

#[test]
fn failed_growth_traps_if_that_is_asked_for() -> Result<()> {
    let limits = StoreLimitsBuilder::new()
        .memory_size(3 * PAGE)
        .table_elements(30)
        .trap_on_grow_failure(true)
        .build();
    let mut store = store_with(limits);
    let grows = instance(&mut store, GROWS)?;
    assert_eq!(grow(&mut store, grows, "grow-memory", 2)?, 1);
    let error = grow(&mut store, grows, "grow-memory", 1).unwrap_err();
    assert!(
        format!("{error:#}").contains("exceeds the store's limits"),
        "{error:#}"
    );
    // The limiter allows this, the table's type doesn't.
    let error = grow(&mut store, grows, "grow-table", 25).unwrap_err();
    assert!(
        format!("{error:#}").contains("failed to grow table"),
        "{error:#}"
    );
    Ok(())
}

#[test]
fn what_is_too_large_from_the_start_is_not_made() -> Result<()> {
    let mut store = store_with(StoreLimitsBuilder::new().memory_size(PAGE - 1).build());
    let error = instance(&mut store, "(module (memory 1))").unwrap_err();
    assert_eq!(
        error.to_string(),
        "memory minimum size of 1 pages exceeds memory limits"
    );
    let error = instance(&mut store, "(module (memory 1 1 shared))").unwrap_err();
    assert!(error.to_string().contains("exceeds memory limits"));
    let ty = MemoryType {
        address: AddressType::I32,
        minimum: 1,
        maximum: None,
        shared: false,
        page_size_log2: 16,
    };
    assert!(Memory::new(&mut store, ty).is_err());
    instance(&mut store, "(module (memory 0))")?;
    let mut store = store_with(StoreLimitsBuilder::new().table_elements(3).build());
    let error = instance(&mut store, "(module (table 4 funcref))").unwrap_err();
    assert_eq!(
        error.to_string(),
        "table minimum size of 4 elements exceeds table limits"
    );
    Ok(())
}

#[test]
fn a_shared_memory_is_limited_where_a_guest_makes_or_grows_it() -> Result<()> {
    const SHARED: &str = r#"(module
        (memory (export "memory") 2 10 shared)
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    let limits = |pages: usize| StoreLimitsBuilder::new().memory_size(pages * PAGE).build();
    assert!(instance(&mut store_with(limits(1)), SHARED).is_err());

    let mut store = store_with(limits(3));
    let grows = instance(&mut store, SHARED)?;
    assert_eq!(grow(&mut store, grows, "grow", 2)?, -1);
    assert_eq!(grow(&mut store, grows, "grow", 1)?, 2);
    assert_eq!(grow(&mut store, grows, "grow", 1)?, -1);
    // Others that share it have limits of their own, and the host has none.
    let memory = grows.get_shared_memory(&mut store, "memory").unwrap();
    assert_eq!(memory.grow(1)?, 3);
    assert_eq!(grow(&mut store, grows, "grow", 1)?, -1);
    Ok(())
}

#[test]
fn instances_tables_and_memories_are_counted() -> Result<()> {
    let mut store = store_with(StoreLimitsBuilder::new().instances(2).build());
    instance(&mut store, "(module)")?;
    instance(&mut store, "(module)")?;
    let error = instance(&mut store, "(module)").unwrap_err();
    assert_eq!(
        error.to_string(),
        "resource limit exceeded: instance count too high at 3"
    );
    let mut store = store_with(StoreLimitsBuilder::new().tables(1).memories(1).build());
    assert!(instance(&mut store, "(module (table 0 funcref) (table 0 funcref))").is_err());
    assert!(instance(&mut store, "(module (memory 0) (memory 0))").is_err());
    instance(&mut store, "(module (table 0 funcref) (memory 0))")?;
    assert!(instance(&mut store, "(module (memory 0))").is_err());
    assert!(instance(&mut store, "(module (table 0 funcref))").is_err());
    instance(&mut store, "(module)")?;
    Ok(())
}

/// Writes down what it is asked.
#[derive(Default)]
struct Log(Vec<String>);

impl ResourceLimiter for Log {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        self.0
            .push(format!("memory {current} {desired} {maximum:?}"));
        if desired == 7 * PAGE {
            bail!("seven is too much");
        }
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        self.0.push(error.to_string());
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        self.0
            .push(format!("table {current} {desired} {maximum:?}"));
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        self.0.push(error.to_string());
        Ok(())
    }
}

#[test]
fn a_limiter_of_ones_own_is_told_everything_and_its_errors_reach_the_host() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ((), Log::default()));
    store.limiter(|data| &mut data.1);
    let grows = instance(&mut store, GROWS)?;
    assert_eq!(grow(&mut store, grows, "grow-memory", 1)?, 1);
    assert_eq!(grow(&mut store, grows, "grow-memory", 9)?, -1);
    assert_eq!(grow(&mut store, grows, "grow-table", 19)?, -1);
    let error = grow(&mut store, grows, "grow-memory", 5).unwrap_err();
    assert!(format!("{error:#}").contains("seven is too much"));
    let maximum = Some(10 * PAGE);
    assert_eq!(
        store.data().1.0,
        [
            format!("memory 0 {PAGE} {maximum:?}"),
            "table 0 2 Some(20)".to_owned(),
            format!("memory {PAGE} {} {maximum:?}", 2 * PAGE),
            format!("memory {} {} {maximum:?}", 2 * PAGE, 11 * PAGE),
            "failed to grow memory from 2 pages by 9".to_owned(),
            "table 2 21 Some(20)".to_owned(),
            "failed to grow table from 2 elements by 19".to_owned(),
            format!("memory {} {} {maximum:?}", 2 * PAGE, 7 * PAGE),
        ]
    );
    Ok(())
}

#[test]
fn a_component_is_limited_as_its_core_modules_are() -> Result<()> {
    let engine = Engine::default();
    let component = component::Component::new(
        &engine,
        "(component (core module $m (memory 2)) (core instance (instantiate $m)))",
    )?;
    let linker = component::Linker::new(&engine);
    let limits = StoreLimitsBuilder::new().memory_size(PAGE).build();
    let mut store = Store::new(&engine, limits);
    store.limiter(|limits| limits);
    assert!(linker.instantiate(&mut store, &component).is_err());
    let limits = StoreLimitsBuilder::new().instances(0).build();
    let mut store = Store::new(&engine, limits);
    store.limiter(|limits| limits);
    let error = linker.instantiate(&mut store, &component).err().unwrap();
    assert!(format!("{error:#}").contains("instance count too high"));
    Ok(())
}

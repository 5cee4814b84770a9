//! Uses up the address space, and so needs a process of its own.
#![allow(missing_docs, reason = "tests")]

use anyhow::Result;
use threadline::*;

#[test]
fn address_space_that_runs_out_is_an_error() -> Result<()> {
    let engine = Engine::default();
    let memories = "(memory 0) ".repeat(100);
    let module = Module::new(&engine, format!("(module {memories})"))?;
    // By default a store is limited to far fewer memories.
    let limits = StoreLimitsBuilder::new()
        .memories(usize::MAX)
        .address_space(u64::MAX)
        .build();
    let mut store = Store::new(&engine, limits);
    store.limiter(|limits| limits);
    let error = (0..1000).find_map(|_| Instance::new(&mut store, &module, &[]).err());
    let error = error.expect("400 TiB are more than the address space");
    assert!(
        error
            .to_string()
            .contains("failed to allocate a linear memory"),
        "{error:#}"
    );
    Ok(())
}

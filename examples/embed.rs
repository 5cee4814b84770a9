//! The embedding API in a few lines: compile a component, give it a host function, call it.
//!
//! `cargo run --example embed`

#![expect(clippy::print_stdout, reason = "an example shows its result")]

use anyhow::Result;
use threadline::component::{Component, Linker};
use threadline::{Config, ContextLowering, Engine, Store, StoreContextMut};

const GUEST: &str = r#"
    (component
      (import "double" (func $double (param "n" u32) (result u32)))
      (canon lower (func $double) (core func $lowered))
      (core module $M
        (import "host" "double" (func $double (param i32) (result i32)))
        (func (export "run") (param i32) (result i32)
          (i32.add (call $double (local.get 0)) (i32.const 1))))
      (core instance $m (instantiate $M
        (with "host" (instance (export "double" (func $lowered))))))
      (func (export "run") (param "n" u32) (result u32) (canon lift (core func $m "run"))))
"#;

fn main() -> Result<()> {
    let mut config = Config::new();
    config.context_lowering(ContextLowering::Pinned);
    let engine = Engine::new(&config)?;
    let component = Component::new(&engine, GUEST)?;

    let mut linker = Linker::new(&engine);
    linker.root().func_wrap(
        "double",
        |mut calls: StoreContextMut<'_, u32>, (n,): (u32,)| -> Result<(u32,)> {
            *calls.data_mut() += 1;
            Ok((2 * n,))
        },
    )?;

    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &component)?;
    let run = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "run")?;
    let (answer,) = run.call(&mut store, (20,))?;
    println!(
        "run(20) = {answer}, after {} call(s) of the host",
        store.data()
    );
    Ok(())
}

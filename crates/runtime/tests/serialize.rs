//! Images of compiled code: made, loaded again, and refused where they don't fit.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![expect(unsafe_code, reason = "images are trusted, which the caller says")]

use std::path::PathBuf;
use threadline::component::{self, Component};
use threadline::{
    Config, ContextLowering, Engine, ImageError, Linker, Module, OptLevel, Precompiled, Proposal,
    Store, Trap, WasmBacktrace,
};

const MODULE: &str = r#"
    (module $counter
        (memory (export "memory") 1)
        (data (i32.const 8) "\2a")
        (table funcref (elem $add))
        (global $calls (mut i32) (i32.const 0))
        (type $binary (func (param i32 i32) (result i32)))
        (func $add (type $binary) (i32.add (local.get 0) (local.get 1)))
        (func (export "run") (param i32) (result i32)
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (call_indirect (type $binary)
                (local.get 0) (i32.load8_u (i32.const 8)) (i32.const 0)))
        (func $boom (export "boom") unreachable))
"#;

const COMPONENT: &str = r#"
    (component
        (core module $m
            (import "" "double" (func $double (param i32) (result i32)))
            (func (export "run") (param i32) (result i32)
                (i32.add (call $double (local.get 0)) (i32.const 1))))
        (import "double" (func $double (param "x" u32) (result u32)))
        (core func $lowered (canon lower (func $double)))
        (core instance $i (instantiate $m
            (with "" (instance (export "double" (func $lowered))))))
        (func (export "run") (param "x" u32) (result u32)
            (canon lift (core func $i "run"))))
"#;

/// A module from an image that was made here.
fn deserialize(engine: &Engine, image: &[u8]) -> anyhow::Result<Module> {
    // SAFETY: tests load what Threadline made, or damaged copies that must be refused.
    unsafe { Module::deserialize(engine, image) }
}

fn deserialize_component(engine: &Engine, image: &[u8]) -> anyhow::Result<Component> {
    // SAFETY: as above.
    unsafe { Component::deserialize(engine, image) }
}

fn refusal(engine: &Engine, image: &[u8]) -> ImageError {
    let error = deserialize(engine, image).unwrap_err();
    error.downcast_ref::<ImageError>().cloned().unwrap()
}

fn run(engine: &Engine, module: &Module) {
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine).instantiate(&mut store, module).unwrap();
    let run = instance
        .get_typed_func::<i32, i32>(&mut store, "run")
        .unwrap();
    assert_eq!(run.call(&mut store, 100).unwrap(), 142);
    let boom = instance
        .get_typed_func::<(), ()>(&mut store, "boom")
        .unwrap();
    let error = boom.call(&mut store, ()).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable));
    let backtrace = error.downcast_ref::<WasmBacktrace>().unwrap();
    let frame = &backtrace.frames()[0];
    assert_eq!(frame.func_name(), Some("boom"));
    assert_eq!(frame.module_name(), Some("counter"));
    assert!(frame.module_offset().is_some());
}

fn run_component(engine: &Engine, component: &Component) {
    let mut linker = component::Linker::<()>::new(engine);
    let double = |_: threadline::StoreContextMut<'_, ()>, (x,): (u32,)| Ok((2 * x,));
    linker.root().func_wrap("double", double).unwrap();
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, component).unwrap();
    let run = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "run");
    assert_eq!(run.unwrap().call(&mut store, (20,)).unwrap(), (41,));
}

/// A file of this process, removed in the end.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(name: &str, contents: &[u8]) -> TemporaryFile {
        let path = std::env::temp_dir().join(format!("threadline-{}-{name}", std::process::id()));
        std::fs::write(&path, contents).unwrap();
        TemporaryFile(path)
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

#[test]
fn a_module_runs_from_its_image() {
    let engine = Engine::default();
    let image = Module::new(&engine, MODULE).unwrap().serialize().unwrap();
    // Another engine, whose types have other numbers.
    let other = Engine::default();
    Module::new(
        &other,
        "(module (type (func (param f64))) (func (export \"f\") (type 0)))",
    )
    .unwrap();
    let module = deserialize(&other, &image).unwrap();
    run(&other, &module);
    assert_eq!(module.serialize().unwrap(), image);
    assert_eq!(module.name(), Some("counter"));
}

#[test]
fn a_component_runs_from_its_image_and_from_a_file() {
    let engine = Engine::default();
    let image = engine.precompile_component(COMPONENT.as_bytes()).unwrap();
    run_component(&engine, &deserialize_component(&engine, &image).unwrap());
    let file = TemporaryFile::new("component", &image);
    // SAFETY: nobody else knows the file.
    let component = unsafe { Component::deserialize_file(&engine, &file.0) }.unwrap();
    // A mapped file stays when its name is gone.
    drop(file);
    run_component(&engine, &component);
}

#[test]
fn precompiling_makes_the_image_that_serializing_does() {
    let engine = Engine::default();
    let module = Module::new(&engine, MODULE).unwrap();
    let image = engine.precompile_module(MODULE.as_bytes()).unwrap();
    assert_eq!(module.serialize().unwrap(), image);
    assert_eq!(
        Engine::detect_precompiled(&image),
        Some(Precompiled::Module)
    );
    assert_eq!(Engine::detect_precompiled(b"\0asm"), None);
}

#[test]
fn a_module_is_no_component_and_the_other_way_round() {
    let engine = Engine::default();
    let module = engine.precompile_module(MODULE.as_bytes()).unwrap();
    let component = engine.precompile_component(COMPONENT.as_bytes()).unwrap();
    assert!(deserialize(&engine, &component).is_err());
    assert!(deserialize_component(&engine, &module).is_err());
    assert!(engine.precompile_module(COMPONENT.as_bytes()).is_err());
    assert!(engine.precompile_component(MODULE.as_bytes()).is_err());
}

#[test]
fn damage_to_any_byte_is_found() {
    let engine = Engine::default();
    let image = engine.precompile_module(MODULE.as_bytes()).unwrap();
    for at in 0..image.len() {
        let mut damaged = image.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(
            deserialize(&engine, &damaged).is_err(),
            "byte {at} of {}",
            image.len()
        );
    }
}

#[test]
fn an_image_that_is_cut_off_or_too_long_is_refused() {
    let engine = Engine::default();
    let image = engine.precompile_module(MODULE.as_bytes()).unwrap();
    for length in (0..image.len()).step_by(7).chain([image.len() - 1]) {
        assert!(
            deserialize(&engine, &image[..length]).is_err(),
            "{length} bytes"
        );
    }
    let error = refusal(&engine, &image[..image.len() / 2]);
    assert!(error.to_string().contains("cut off"), "{error}");
    let mut longer = image;
    longer.push(0);
    assert!(matches!(
        refusal(&engine, &longer),
        ImageError::Length { .. }
    ));
}

#[test]
fn an_image_of_other_settings_is_refused_by_their_name() {
    let image = Engine::default()
        .precompile_module(MODULE.as_bytes())
        .unwrap();
    type Change = fn(&mut Config);
    let cases: [(&str, Change); 5] = [
        ("fuel", |c| _ = c.consume_fuel(true)),
        ("epoch interruption", |c| _ = c.epoch_interruption(true)),
        ("context lowering", |c| {
            _ = c.context_lowering(ContextLowering::Inline)
        }),
        ("memory reservation", |c| _ = c.memory_reservation(1 << 20)),
        ("proposal simd", |c| {
            c.wasm_proposal(Proposal::RelaxedSimd, false);
            c.wasm_proposal(Proposal::Simd, false);
        }),
    ];
    for (name, set) in cases {
        let mut config = Config::new();
        set(&mut config);
        let error = refusal(&Engine::new(&config).unwrap(), &image).to_string();
        assert!(error.contains(name), "{error}");
    }
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::None);
    let engine = Engine::new(&config).unwrap();
    run(&engine, &deserialize(&engine, &image).unwrap());
}

#[test]
fn an_image_of_another_version_is_refused_whatever_else_it_says() {
    let engine = Engine::default();
    let mut image = engine.precompile_module(MODULE.as_bytes()).unwrap();
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    let at = image
        .windows(version.len())
        .position(|w| w == version)
        .unwrap();
    image[at] = b'9';
    let error = refusal(&engine, &image).to_string();
    assert!(error.contains("made by Threadline 9"), "{error}");
}

#[test]
fn something_else_is_no_image() {
    let engine = Engine::default();
    for bytes in [&b""[..], b"\0asm\x01\0\0\0", b"(module)", &[0; 4096]] {
        assert_eq!(refusal(&engine, bytes), ImageError::NotAnImage);
    }
}

#[test]
fn components_inside_a_component_are_in_its_image() {
    let engine = Engine::default();
    let component = Component::new(
        &engine,
        r#"(component
            (core module $m (func (export "f") (result i32) (i32.const 42)))
            (component $inner
                (component $innermost
                    (core instance $i (instantiate $m))
                    (func (export "f") (result u32) (canon lift (core func $i "f"))))
                (export "innermost" (component $innermost)))
            (export "inner" (component $inner)))"#,
    )
    .unwrap();
    let image = component.serialize().unwrap();
    drop(component);
    let component = deserialize_component(&engine, &image).unwrap();
    let mut store = Store::new(&engine, ());
    let linker = component::Linker::new(&engine);
    let outer = linker.instantiate(&mut store, &component).unwrap();
    let inner = outer.get_component(&store, "inner").unwrap();
    // It has an image of its own, too.
    let inner = deserialize_component(&engine, &inner.serialize().unwrap()).unwrap();
    let inner = linker.instantiate(&mut store, &inner).unwrap();
    let innermost = inner.get_component(&store, "innermost").unwrap();
    let instance = linker.instantiate(&mut store, &innermost).unwrap();
    let f = instance
        .get_typed_func::<(), (u32,)>(&mut store, "f")
        .unwrap();
    assert_eq!(f.call(&mut store, ()).unwrap(), (42,));
}

//! Precompiled images: what is damaged in any way is refused with an error, before anything of it is used.

#![expect(unsafe_code, reason = "images are trusted, which the caller says")]

use crate::{assert_no_bug, byte};
use arbitrary::Unstructured;
use std::sync::LazyLock;
use threadline::component::Component;
use threadline::{Engine, Module};

const MODULES: [&str; 2] = [
    "(module)",
    r#"(module $named
        (memory (export "memory") 1 2) (data (i32.const 8) "data")
        (table funcref (elem $f)) (global (mut i64) (i64.const 7))
        (tag $t (param i32))
        (func $f (export "f") (param i32) (result i32)
            (block $caught (result i32)
                (try_table (catch $t $caught) (throw $t (local.get 0)))
                unreachable))
        (func (export "g") (call_indirect (i32.const 0))))"#,
];
const COMPONENTS: [&str; 2] = [
    "(component)",
    r#"(component
        (import "double" (func $double (param "x" u32) (result u32)))
        (core func $lowered (canon lower (func $double)))
        (core module $m
            (import "" "double" (func $double (param i32) (result i32)))
            (func (export "run") (param i32) (result i32) (call $double (local.get 0))))
        (core instance $i (instantiate $m
            (with "" (instance (export "double" (func $lowered))))))
        (func (export "run") (param "x" u32) (result u32) (canon lift (core func $i "run"))))"#,
];

/// Images, and whether they are components.
type Images = Vec<(bool, Vec<u8>)>;

/// The engine, and images to damage.
static IMAGES: LazyLock<(Engine, Images)> = LazyLock::new(|| {
    let engine = Engine::default();
    let modules = MODULES.map(|text| {
        let module = Module::new(&engine, text).unwrap();
        (false, module.serialize().unwrap())
    });
    let components = COMPONENTS.map(|text| {
        let component = Component::new(&engine, text).unwrap();
        (true, component.serialize().unwrap())
    });
    let images = modules.into_iter().chain(components).collect();
    (engine, images)
});

/// Loads an image that the input damages.
pub fn run(data: &[u8]) {
    let u = &mut Unstructured::new(data);
    let (engine, images) = &*IMAGES;
    let (is_component, image) = &images[usize::from(byte(u)) % images.len()];
    let mut damaged = image.clone();
    while !u.is_empty() && !damaged.is_empty() {
        damage(&mut damaged, u);
    }
    let as_component = is_component ^ (byte(u) == 1);
    Engine::detect_precompiled(&damaged);
    let loaded = if as_component {
        // SAFETY: it is one that was made here, or is damaged and to be refused.
        unsafe { Component::deserialize(engine, &damaged) }.map(drop)
    } else {
        // SAFETY: as above.
        unsafe { Module::deserialize(engine, &damaged) }.map(drop)
    };
    let intact = damaged == *image && as_component == *is_component;
    match loaded {
        Ok(()) => assert!(intact, "a damaged image is loaded"),
        Err(error) => {
            assert!(!intact, "an intact image is refused: {error:?}");
            assert_no_bug(&error);
        }
    }
}

/// Damages an image once.
fn damage(image: &mut Vec<u8>, u: &mut Unstructured<'_>) {
    let kind = byte(u);
    // The beginning has what the rest is found by.
    let bound = if kind < 128 {
        image.len()
    } else {
        image.len().min(512)
    };
    let at = u.choose_index(bound).unwrap_or_default();
    match kind % 6 {
        0 => image.truncate(at),
        1 => image[at] = byte(u),
        2 => image[at] ^= 1 << (byte(u) % 8),
        3 => image.extend(std::iter::repeat_n(0, 1 + usize::from(byte(u)))),
        4 => {
            let end = (at + 1 + usize::from(byte(u))).min(image.len());
            image.drain(at..end);
        }
        _ => {
            // A word that may be a length or an offset.
            let word = [0, 1, u64::MAX, 1 << 32, u64::MAX / 8, 4096][usize::from(byte(u)) % 6];
            let end = (at + 8).min(image.len());
            image[at..end].copy_from_slice(&word.to_le_bytes()[..end - at]);
        }
    }
}

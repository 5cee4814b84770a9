//! `context.get` and `context.set` in their lowerings.

use super::{Compiled, Setup, finish, isa};
use crate::intrinsic::define_intrinsic;
use cranelift_codegen::Context;
use cranelift_frontend::FunctionBuilderContext;
use std::collections::BTreeMap;
use threadline_environ::module::KnownImport;
use threadline_environ::{ContextLowering, FuncIndex, SlotType, UnsafeIntrinsic};

const IMPORTS: &str = r#"
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (import "" "get64" (func $get64 (result i64)))
    (import "" "set64" (func $set64 (param i64)))
    (import "" "unknown" (func $unknown))
    (memory 1)
"#;

const SET_STORE_GET: &str = "(func (param i32) (result i32)
    (call $set (local.get 0))
    (i32.store (local.get 0) (i32.const 7))
    (call $get))";

/// Functions that know their imports as `context.get` and `context.set` of slot 0, as i32 and as
/// i64, and one import that nothing is known about.
fn setup(lowering: ContextLowering) -> Setup {
    let mut known = BTreeMap::new();
    let intrinsics = [SlotType::I32, SlotType::I64].into_iter().flat_map(|ty| {
        let slot = 0;
        [
            UnsafeIntrinsic::ContextGet { ty, slot },
            UnsafeIntrinsic::ContextSet { ty, slot },
        ]
    });
    for (i, intrinsic) in intrinsics.enumerate() {
        let import = KnownImport::Intrinsic(intrinsic);
        known.insert(FuncIndex::from_u32(i as u32), import);
    }
    Setup {
        known_imports: known,
        ..Setup::lowering(lowering)
    }
}

fn compile(lowering: ContextLowering, functions: &str) -> Vec<Compiled> {
    setup(lowering)
        .compile(&format!("(module {IMPORTS} {functions})"))
        .unwrap()
}

fn clif(lowering: ContextLowering, functions: &str) -> String {
    compile(lowering, functions).remove(0).clif
}

/// How often a CLIF text has this.
fn count(clif: &str, what: &str) -> usize {
    clif.matches(what).count()
}

#[test]
fn every_lowering_compiles_every_shape() {
    for lowering in ContextLowering::ALL {
        compile(
            lowering,
            "(func (result i32) (call $get))
             (func (param i32) (call $set (local.get 0)))
             (func (result i64) (call $get64))
             (func (param i64) (call $set64 (local.get 0)))
             (func (param i32) (loop $l
                (call $set (i32.sub (call $get) (i32.const 16)))
                (br_if $l (i32.eqz (call $get)))))
             (func (param i32) (result i32)
                (if (local.get 0) (then (call $set (i32.const 1))) (else (call $unknown)))
                (call $get))",
        );
    }
}

#[test]
fn inline_and_pinned_make_no_calls_and_the_others_do() {
    let function = "(func (result i32) (call $get))";
    let clif = |lowering| clif(lowering, function);
    assert_eq!(count(&clif(ContextLowering::Inline), "call"), 0);
    assert_eq!(count(&clif(ContextLowering::Pinned), "call"), 0);
    assert_eq!(count(&clif(ContextLowering::OutOfLine), "call fn0(v0)"), 1);
    assert_eq!(count(&clif(ContextLowering::Libcall), "call fn0(v0, "), 1);
}

#[test]
fn a_slot_is_an_alias_region_of_its_own() {
    for lowering in [ContextLowering::Inline, ContextLowering::Pinned] {
        let clif = clif(lowering, SET_STORE_GET);
        assert_eq!(count(&clif, "\"context slot 0\""), 1, "{clif}");
    }
}

/// The only load left is the memory's base: the slot's value is forwarded over the heap store.
#[test]
#[cfg(target_arch = "x86_64")]
fn a_get_after_a_set_and_a_heap_store_is_no_load() {
    let compiled = compile(ContextLowering::Pinned, SET_STORE_GET);
    let code = &compiled[0].code;
    let loads = code
        .iter()
        .filter(|line| line.starts_with("mov") && line.contains("(%"));
    // The slots' address, the slot's store, the base's load, the heap's store.
    assert_eq!(loads.count(), 4, "{code:#?}");
}

#[test]
fn a_pinned_slot_is_at_its_distance_and_needs_no_address_loaded() {
    let compiled = Setup {
        context_distance: Some(-16),
        ..setup(ContextLowering::Pinned)
    };
    let clif = compiled
        .compile(&format!(
            "(module {IMPORTS} (func (result i32) (call $get)))"
        ))
        .unwrap()
        .remove(0)
        .clif;
    assert_eq!(count(&clif, "v0-16"), 1, "{clif}");
    assert_eq!(count(&clif, "v0+"), 0, "{clif}");
}

#[test]
fn where_the_distance_is_not_known_a_pinned_slot_is_an_inline_one() {
    let code = |lowering| clif(lowering, SET_STORE_GET);
    assert_eq!(code(ContextLowering::Pinned), code(ContextLowering::Inline));
}

#[test]
fn an_i32_touches_the_low_half_of_its_slot() {
    let clif = clif(ContextLowering::Inline, SET_STORE_GET);
    assert_eq!(count(&clif, "load.i32 notrap aligned"), 1, "{clif}");
}

#[test]
fn an_import_nothing_is_known_about_is_called_through_its_address() {
    let clif = clif(ContextLowering::Pinned, "(func (call $unknown))");
    assert_eq!(count(&clif, "call_indirect"), 1, "{clif}");
}

#[test]
fn all_intrinsics_can_be_functions() {
    let isa = isa();
    let mut scratch = FunctionBuilderContext::new();
    for intrinsic in UnsafeIntrinsic::all() {
        let mut context = Context::new();
        let config = isa.frontend_config();
        define_intrinsic(&mut context.func, &mut scratch, config, intrinsic);
        let compiled = finish(context, &isa);
        let access = match intrinsic {
            UnsafeIntrinsic::ContextGet { slot, .. } => format!("= load.i{{}}{}", slot),
            UnsafeIntrinsic::ContextSet { slot, .. } => format!("store{{}}{}", slot),
        };
        let (opcode, slot) = access.split_once("{}").unwrap();
        let slot = format!("\"context slot {slot}\"");
        assert!(compiled.clif.contains(opcode), "{}", compiled.clif);
        assert!(compiled.clif.contains(&slot), "{}", compiled.clif);
    }
}

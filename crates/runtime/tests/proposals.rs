//! Proposals that are switched off, or not built.
#![allow(missing_docs, reason = "tests")]

use threadline::{Config, Engine, Features, Module, Proposal};

type Switch = fn(&mut Config, bool) -> &mut Config;

/// The switch of a proposal, and what a module that needs it looks like.
const SAMPLES: &[(Proposal, Switch, &str)] = &[
    (
        Proposal::MutableGlobal,
        Config::wasm_mutable_global,
        "(module (import \"m\" \"g\" (global (mut i32))))",
    ),
    (
        Proposal::SaturatingFloatToInt,
        Config::wasm_saturating_float_to_int,
        "(module (func (param f32) (result i32) (i32.trunc_sat_f32_s (local.get 0))))",
    ),
    (
        Proposal::SignExtension,
        Config::wasm_sign_extension,
        "(module (func (param i32) (result i32) (i32.extend8_s (local.get 0))))",
    ),
    (
        Proposal::MultiValue,
        Config::wasm_multi_value,
        "(module (func (result i32 i32) (i32.const 0) (i32.const 0)))",
    ),
    (
        Proposal::BulkMemory,
        Config::wasm_bulk_memory,
        "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))",
    ),
    (
        Proposal::ReferenceTypes,
        Config::wasm_reference_types,
        "(module (func (param externref)))",
    ),
    (
        Proposal::Simd,
        Config::wasm_simd,
        "(module (func (result v128) (v128.const i64x2 0 0)))",
    ),
    (
        Proposal::RelaxedSimd,
        Config::wasm_relaxed_simd,
        "(module (func (param v128 v128) (result v128)
           (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))",
    ),
    (
        Proposal::TailCall,
        Config::wasm_tail_call,
        "(module (func (return_call 0)))",
    ),
    (
        Proposal::ExtendedConst,
        Config::wasm_extended_const,
        "(module (global i32 (i32.add (i32.const 0) (i32.const 0))))",
    ),
    (
        Proposal::MultiMemory,
        Config::wasm_multi_memory,
        "(module (memory 1) (memory 1))",
    ),
    (
        Proposal::Memory64,
        Config::wasm_memory64,
        "(module (memory i64 1))",
    ),
    (
        Proposal::Threads,
        Config::wasm_threads,
        "(module (memory 1 1 shared))",
    ),
    (
        Proposal::Exceptions,
        Config::wasm_exceptions,
        "(module (tag))",
    ),
    (
        Proposal::FunctionReferences,
        Config::wasm_function_references,
        "(module (type $t (func)) (func (param (ref null $t))))",
    ),
    (Proposal::Gc, Config::wasm_gc, "(module (type (struct)))"),
    (
        Proposal::CustomPageSizes,
        Config::wasm_custom_page_sizes,
        "(module (memory 1 (pagesize 1)))",
    ),
    (
        Proposal::WideArithmetic,
        Config::wasm_wide_arithmetic,
        "(module (func (param i64) (result i64 i64)
           (i64.mul_wide_u (local.get 0) (local.get 0))))",
    ),
    (
        Proposal::ComponentModel,
        Config::wasm_component_model,
        "(component)",
    ),
    (
        Proposal::ComponentModelAsync,
        Config::wasm_component_model_async,
        "(component (core func (canon context.get i32 0)))",
    ),
    (
        Proposal::ComponentModelAsyncStackful,
        Config::wasm_component_model_async_stackful,
        r#"(component
           (core module $m (func (export "f")))
           (core instance $i (instantiate $m))
           (type $t (func async))
           (func (type $t) (canon lift (core func $i "f") async)))"#,
    ),
    (
        Proposal::ComponentModelMoreAsyncBuiltins,
        Config::wasm_component_model_more_async_builtins,
        "(component (core func (canon subtask.cancel async)))",
    ),
    (
        Proposal::ComponentModelThreading,
        Config::wasm_component_model_threading,
        "(component (core func (canon thread.index)))",
    ),
    (
        Proposal::ComponentModelErrorContext,
        Config::wasm_component_model_error_context,
        "(component (type error-context))",
    ),
    (
        Proposal::ComponentModelFixedLengthLists,
        Config::wasm_component_model_fixed_length_lists,
        "(component (type (list u8 4)))",
    ),
    (
        Proposal::ComponentModelMap,
        Config::wasm_component_model_map,
        "(component (type (map string u8)))",
    ),
    (
        Proposal::ComponentModel64,
        Config::wasm_component_model_64,
        "(component (core func (canon context.get i64 0)))",
    ),
    (
        Proposal::ComponentModelForward,
        Config::wasm_component_model_forward,
        "(component (type $t (stream u8)) (core func (canon stream.forward $t)))",
    ),
    (
        Proposal::ComponentModelImplements,
        Config::wasm_component_model_implements,
        r#"(component (import "a" (implements "a:b/c") (instance)))"#,
    ),
];

/// Modules that need garbage collection, in each place where they can say so.
const GC: &[&str] = &[
    "(module (type (struct (field i32))))",
    "(module (type (array i8)))",
    "(module (func (param anyref)))",
    "(module (func (result i31ref) (unreachable)))",
    "(module (global eqref (ref.null eq)))",
    "(module (global i32 (i32.const 0)) (global anyref (ref.i31 (global.get 0))))",
    "(module (table 1 structref))",
    "(module (table 1 funcref) (elem arrayref))",
    "(module (tag (param nullref)))",
    "(module (global funcref (ref.null nofunc)))",
    "(module (global externref (ref.null noextern)))",
    r#"(module (import "m" "g" (global anyref)))"#,
    // In bodies alone.
    "(module (func (local anyref)))",
    "(module (func (local i32 structref)))",
    "(module (func (drop (ref.null any))))",
    "(module (func (drop (ref.null nofunc))))",
    "(module (func (drop (block (result eqref) (unreachable)))))",
    "(module (func (drop (loop (result eqref) (unreachable)))))",
    "(module (func (drop (if (result eqref) (i32.const 0) (then (unreachable)) (else (unreachable))))))",
    "(module (func (drop (try_table (result eqref) (unreachable)))))",
    "(module (func (unreachable) (drop (select (result i31ref)))))",
    "(module (func (drop (ref.i31 (i32.const 0)))))",
    "(module (func (param externref) (drop (any.convert_extern (local.get 0)))))",
    "(module (func (param funcref) (drop (ref.test funcref (local.get 0)))))",
    "(module (func (param funcref) (result funcref) (br_on_cast 0 funcref funcref (local.get 0))))",
    // Where control can't come.
    "(module (func (unreachable) (drop (i31.get_s))))",
    "(module (func (unreachable) (drop (ref.eq))))",
    "(module (func (unreachable) (drop (array.len))))",
    "(module (func (return) (drop (ref.null none))))",
    "(module (func (unreachable) (drop (block (result anyref) (unreachable)))))",
];

fn compile(config: &Config, wat: &str) -> anyhow::Result<()> {
    let engine = Engine::new(config)?;
    let bytes = wat::parse_str(wat)?;
    if wat.starts_with("(component") {
        threadline::component::Component::new(&engine, bytes).map(drop)
    } else {
        Module::new(&engine, bytes).map(drop)
    }
}

/// Everything that is built, but not what needs `without`.
fn everything_but(without: Proposal, switch: Switch) -> Config {
    let mut config = Config::new();
    for proposal in Proposal::all().filter(|p| p.is_built()) {
        config.wasm_proposal(proposal, true);
    }
    switch(&mut config, false);
    let dependent: &[Proposal] = match without {
        Proposal::Simd => &[Proposal::RelaxedSimd],
        Proposal::ReferenceTypes => &[
            Proposal::FunctionReferences,
            Proposal::Exceptions,
            Proposal::Gc,
        ],
        Proposal::FunctionReferences => &[Proposal::Gc],
        _ => &[],
    };
    for &proposal in dependent {
        config.wasm_proposal(proposal, false);
    }
    config
}

#[test]
fn a_proposal_that_is_switched_off_is_refused_by_name_and_offset() {
    for &(proposal, switch, wat) in SAMPLES {
        let error = compile(&everything_but(proposal, switch), wat).unwrap_err();
        let text = format!("{error:#}");
        let reason = if proposal.is_built() {
            format!("the {proposal} proposal is switched off")
        } else {
            format!("the {proposal} proposal is not supported yet")
        };
        assert!(text.contains(&reason), "{proposal}: {text}");
        assert!(text.contains("(at offset 0x"), "{proposal}: {text}");
    }
}

#[test]
fn there_is_a_sample_for_each_proposal() {
    for proposal in Proposal::all() {
        let sample = SAMPLES.iter().find(|(of, ..)| *of == proposal);
        assert!(sample.is_some(), "{proposal}");
    }
}

#[test]
fn garbage_collection_is_refused_by_name_wherever_a_module_mentions_it() {
    for wat in GC {
        for features in [Features::default(), Features::wasm_2_0()] {
            let Err(error) = compile(Config::new().wasm_features(features), wat) else {
                panic!("accepted: {wat}");
            };
            let text = format!("{error:#}");
            let named = text.contains("the gc proposal is not supported yet (at offset 0x");
            // What it needs beside is missing from the older version of the specification.
            let other = features == Features::wasm_2_0() && text.contains("is switched off");
            assert!(named || other, "{wat}: {text}");
        }
    }
}

#[test]
fn types_of_functions_may_be_recursive_and_have_subtypes() {
    for wat in [
        "(module (rec (type $a (func (param (ref null $b)))) (type $b (func (param (ref null $a)))))
           (func (param (ref null $a)) (local (ref null $b))
             (drop (block (result (ref null $b)) (ref.null $b)))))",
        "(module (type $a (sub (func))) (type $b (sub $a (func)))
           (func (param (ref $b)) (result (ref $a)) (local.get 0)))",
    ] {
        compile(&Config::new(), wat).unwrap_or_else(|error| panic!("{wat}: {error:#}"));
    }
}

#[test]
fn a_proposal_that_is_switched_on_is_accepted() {
    let mut config = Config::new();
    for proposal in Proposal::all().filter(|p| p.is_built()) {
        config.wasm_proposal(proposal, true);
    }
    for &(proposal, _, wat) in SAMPLES.iter().filter(|(proposal, ..)| proposal.is_built()) {
        let Err(error) = compile(&config, wat) else {
            continue;
        };
        // Of the component model some is refused by a name of its own.
        let text = format!("{error:#}");
        let component = wat.starts_with("(component") && text.contains("is not supported yet");
        assert!(component, "{proposal}: {text}");
    }
}

#[test]
fn a_switch_for_what_is_not_built_is_an_error_of_the_configuration() {
    for proposal in Proposal::all().filter(|p| !p.is_built()) {
        let error = Engine::new(Config::new().wasm_proposal(proposal, true)).unwrap_err();
        let text = format!("the {proposal} proposal is not supported yet");
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_version_of_the_specification_is_a_set_of_proposals() {
    let compile_with = |features, wat| compile(Config::new().wasm_features(features), wat);
    let simd = "(module (func (result v128) (v128.const i64x2 0 0)))";
    assert!(compile_with(Features::wasm_1_0(), simd).is_err());
    assert!(compile_with(Features::wasm_2_0(), simd).is_ok());
    let memories = "(module (memory 1) (memory 1))";
    assert!(compile_with(Features::wasm_2_0(), memories).is_err());
}

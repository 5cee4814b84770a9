//! Proposals that are switched off, or not built.
#![allow(missing_docs, reason = "tests")]

use threadline::{Config, Engine, Features, Module, Proposal};

/// What a module that needs a proposal looks like.
const SAMPLES: &[(Proposal, &str)] = &[
    (
        Proposal::MutableGlobal,
        "(module (import \"m\" \"g\" (global (mut i32))))",
    ),
    (
        Proposal::SaturatingFloatToInt,
        "(module (func (param f32) (result i32) (i32.trunc_sat_f32_s (local.get 0))))",
    ),
    (
        Proposal::SignExtension,
        "(module (func (param i32) (result i32) (i32.extend8_s (local.get 0))))",
    ),
    (
        Proposal::MultiValue,
        "(module (func (result i32 i32) (i32.const 0) (i32.const 0)))",
    ),
    (
        Proposal::BulkMemory,
        "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))",
    ),
    (
        Proposal::ReferenceTypes,
        "(module (func (param externref)))",
    ),
    (
        Proposal::Simd,
        "(module (func (result v128) (v128.const i64x2 0 0)))",
    ),
    (
        Proposal::RelaxedSimd,
        "(module (func (param v128 v128) (result v128)
           (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))",
    ),
    (Proposal::TailCall, "(module (func (return_call 0)))"),
    (Proposal::MultiMemory, "(module (memory 1) (memory 1))"),
    (Proposal::Memory64, "(module (memory i64 1))"),
    (Proposal::Threads, "(module (memory 1 1 shared))"),
    (Proposal::Exceptions, "(module (tag))"),
    (
        Proposal::FunctionReferences,
        "(module (type $t (func)) (func (param (ref null $t))))",
    ),
    (Proposal::Gc, "(module (type (struct)))"),
    (
        Proposal::CustomPageSizes,
        "(module (memory 1 (pagesize 1)))",
    ),
    (
        Proposal::WideArithmetic,
        "(module (func (param i64) (result i64 i64)
           (i64.mul_wide_u (local.get 0) (local.get 0))))",
    ),
    (Proposal::ComponentModel, "(component)"),
    (
        Proposal::ComponentModelAsync,
        "(component (core func (canon context.get i32 0)))",
    ),
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
fn everything_but(without: Proposal) -> Config {
    let mut config = Config::new();
    for proposal in Proposal::all().filter(|p| p.is_built()) {
        config.wasm_proposal(proposal, true);
    }
    config.wasm_proposal(without, false);
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
    for &(proposal, wat) in SAMPLES {
        let error = compile(&everything_but(proposal), wat).unwrap_err();
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
fn a_proposal_that_is_switched_on_is_accepted() {
    let mut config = Config::new();
    for proposal in Proposal::all().filter(|p| p.is_built()) {
        config.wasm_proposal(proposal, true);
    }
    for &(proposal, wat) in SAMPLES.iter().filter(|(proposal, _)| proposal.is_built()) {
        compile(&config, wat).unwrap_or_else(|error| panic!("{proposal}: {error:#}"));
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

//! Components made of retargeted modules, and of the guests.

use super::{module_with, parse, print, validate};
use std::path::{Path, PathBuf};
use threadline_retarget::{Options, Wit, componentize, retarget};

fn guests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests")
}

fn text(text: &str) -> Wit<'_> {
    Wit::Text { text, world: None }
}

/// The printed component of a retargeted module.
fn component_of(module: &[u8], wit: &str) -> String {
    let made = retarget(module, &Options::default(), &text(wit)).expect("this makes a component");
    validate(&made.bytes);
    print(&made.bytes)
}

#[test]
fn slot_zero_is_imported_and_the_hook_wraps_the_export() {
    let component = component_of(
        &module_with(
            "(func (export \"run\") (param i32) (result i32)
               global.get $__stack_pointer)",
        ),
        "package a:b; world w { export run: func(n: u32) -> u32; }",
    );
    assert!(
        component.contains("(canon context.get i32 0)"),
        "{component}"
    );
    assert!(component.contains("(canon context.set i32 0)"));
    assert!(component.contains("func $hook-run"));
}

#[test]
fn reallocs_and_initialisers_are_wrapped_too() {
    let component = component_of(
        &module_with(
            "(func (export \"run\") (param i32 i32))
             (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable)
             (func (export \"_initialize\"))",
        ),
        "package a:b; world w { export run: func(s: string); }",
    );
    assert!(component.contains("func $hook-cabi_realloc"));
    for event in [0, 1, 6, 7, 12, 13] {
        let call = format!("i32.const {event}\n");
        assert!(
            component
                .split(&call)
                .skip(1)
                .any(|rest| rest.trim_start().starts_with("call $__wasm_task_hook")),
            "no call of the hook with {event} in:\n{component}"
        );
    }
}

#[test]
fn a_kept_global_makes_a_component_without_hook_or_slot() {
    let module =
        module_with("(func (export \"run\") (param i32) (result i32) global.get $__stack_pointer)");
    let options = Options {
        keep_global: true,
        ..Options::default()
    };
    let wit = text("package a:b; world w { export run: func(n: u32) -> u32; }");
    let made = retarget(&module, &options, &wit).unwrap();
    let component = print(&made.bytes);
    assert_eq!(made.report, None);
    assert!(component.contains("global.get $__stack_pointer"));
    assert!(!component.contains("__wasm_task_hook") && !component.contains("context.get"));
}

#[test]
fn an_embedded_world_is_found() {
    let module = module_with("(func (export \"run\"))");
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve
        .push_source("a.wit", "package a:b; world w { export run: func(); }")
        .unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let resolved = Wit::Resolved {
        resolve: &resolve,
        world,
    };
    let mut with_world = module.clone();
    wit_component::embed_component_metadata(
        &mut with_world,
        &resolve,
        world,
        wit_component::StringEncoding::UTF8,
        false,
    )
    .unwrap();
    let embedded = retarget(&with_world, &Options::default(), &Wit::Embedded).unwrap();
    let given = retarget(&module, &Options::default(), &resolved).unwrap();
    assert_eq!(embedded.bytes, given.bytes);
}

#[test]
fn a_world_that_cannot_be_used_is_an_error_that_says_so() {
    let module = module_with("(func (export \"run\"))");
    let check = |wit: &Wit<'_>, expected: &str| {
        let error = componentize(&module, wit).unwrap_err().to_string();
        assert!(error.contains(expected), "`{error}` lacks `{expected}`");
    };
    check(&text("package a:b; world"), "the WIT can't be used");
    check(
        &text("package a:b; world v {} world w {}"),
        "the WIT can't be used",
    );
    check(
        &Wit::Text {
            text: "package a:b; world v {}",
            world: Some("other"),
        },
        "the WIT can't be used",
    );
    check(
        &Wit::Path {
            path: Path::new("/nonexistent/file.wit"),
            world: None,
        },
        "the WIT can't be used",
    );
    check(
        &text("package a:b; world w { export other: func(); }"),
        "don't make a component",
    );
    check(
        &text("package a:b; world w { export run: func(n: u32); }"),
        "don't make a component",
    );
    check(&Wit::Embedded, "no `component-type` section");
}

#[test]
fn a_stackful_export_becomes_a_component() {
    let component = component_of(
        &module_with(
            "(import \"[export]$root\" \"[task-return]work\" (func))
             (func (export \"[async-lift-stackful]work\"))
             (func (export \"malloc\") (param i32) (result i32) unreachable)
             (func (export \"free\") (param i32))",
        ),
        "package a:b; world w { export work: async func(); }",
    );
    assert!(component.contains("i32.const 2\n"), "{component}");
    assert!(component.contains("i32.const 5\n"));
}

#[test]
fn every_guest_becomes_a_component_with_and_without_its_global() {
    let wit = guests().join("guests.wit");
    for program in ["tree", "format", "json", "sort", "blend", "stringy"] {
        let module = std::fs::read(guests().join(format!("{program}.wasm"))).unwrap();
        let world = if program == "stringy" {
            "stringy"
        } else {
            "guest"
        };
        for keep_global in [false, true] {
            let options = Options {
                keep_global,
                ..Options::default()
            };
            let wit = Wit::Path {
                path: &wit,
                world: Some(world),
            };
            let made = retarget(&module, &options, &wit).unwrap();
            validate(&made.bytes);
            if let Some(report) = made.report {
                assert_eq!(report.warnings, [], "{program}");
                assert!(
                    report.gets >= 2 && report.sets >= 4,
                    "{program}: {report:?}"
                );
            }
        }
    }
}

#[test]
fn the_guest_with_overlapping_tasks_takes_stacks_from_its_allocator() {
    let text = std::fs::read_to_string(guests().join("overlap.wat")).unwrap();
    let wit = Wit::Path {
        path: &guests().join("guests.wit"),
        world: Some("overlap"),
    };
    let made = retarget(&parse(&text), &Options::default(), &wit).unwrap();
    validate(&made.bytes);
    assert!(made.report.unwrap().allocates);
}

/// A frame in `run` alone would say nothing about a hot path.
#[test]
fn the_guests_move_the_pointer_in_the_functions_that_do_the_work() {
    for (program, functions) in [
        ("tree", ["insert", "summarise", "ackermann"]),
        ("format", ["format", "put_number", "line"]),
        ("json", ["read_value", "read_members", "put_integer"]),
        ("sort", ["merge_sort", "quick_sort", "run"]),
        ("blend", ["work_list", "work_matrix", "work_states"]),
        ("stringy", ["append_word", "allocate", "append_word"]),
    ] {
        let module = std::fs::read(guests().join(format!("{program}.wasm"))).unwrap();
        let printed = print(&module);
        for function in functions {
            let body = super::excerpt(&printed, &format!("(func ${function} "));
            assert!(
                body.contains("global.set $__stack_pointer"),
                "{program}: `{function}` has no frame"
            );
        }
    }
}

#[test]
fn a_component_is_not_taken_for_a_module_even_with_its_global_kept() {
    let options = Options {
        keep_global: true,
        ..Options::default()
    };
    let error = retarget(&parse("(component)"), &options, &Wit::Embedded).unwrap_err();
    assert!(error.to_string().starts_with("this is a component"));
}

//! What the rewrite does to each part of a module.

use super::{SAMPLE, excerpt, module_with, parse, print, report_of, retargeted, retargeted_with};
use threadline_retarget::{Options, StackGlobal, Warning};
use wasmparser::{ExternalKind, Operator, Parser, Payload};

#[test]
fn each_access_becomes_a_call_and_nothing_else_changes() {
    let text = print(&retargeted(&parse(SAMPLE)).module);
    assert_eq!(
        excerpt(&text, "(func $frame"),
        "(func $frame (;3;) (type 1) (param $size i32) (result i32)\n\
         (local $at i32)\n\
         call $context-get-0\n\
         local.get $size\n\
         i32.sub\n\
         local.tee $at\n\
         call $context-set-0\n\
         local.get $at\n\
         call $log\n\
         call $leaf\n\
         local.get $at\n\
         local.get $size\n\
         i32.add\n\
         call $context-set-0\n\
         global.get $counter"
            .replace("$context-get-0", "$\"[context-get-0]\"")
            .replace("$context-set-0", "$\"[context-set-0]\"")
    );
    assert_eq!(
        excerpt(&text, "(func $leaf"),
        "(func $leaf (;4;) (type 2)\nglobal.get $last\nglobal.set $counter"
    );
}

#[test]
fn no_access_is_left_but_the_hooks_to_the_flag() {
    let done = retargeted(&parse(SAMPLE));
    let global = done.report.global;
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(&done.module) {
        if let Payload::CodeSectionEntry(body) = payload.unwrap() {
            let uses = body
                .get_operators_reader()
                .unwrap()
                .into_iter()
                .filter(|op| {
                    matches!(
                        op.as_ref().unwrap(),
                        Operator::GlobalGet { global_index }
                        | Operator::GlobalSet { global_index } if *global_index == global
                    )
                })
                .count();
            bodies.push(uses);
        }
    }
    // The hook: looks at the flag, sets it, clears it.
    assert_eq!(bodies, [0, 0, 3]);
    assert_eq!((done.report.gets, done.report.sets), (1, 2));
}

#[test]
fn references_by_export_element_and_name_follow_the_functions() {
    let text = print(&retargeted(&parse(SAMPLE)).module);
    for line in [
        r#"(import "env" "log" (func $log (;0;) (type 0) (param i32)))"#,
        r#"(import "$root" "[context-get-0]" (func $"[context-get-0]" (;1;) (type 3) (result i32)))"#,
        r#"(import "$root" "[context-set-0]" (func $"[context-set-0]" (;2;) (type 4) (param i32)))"#,
        r#"(export "alias" (func $leaf))"#,
        r#"(export "frame" (func $frame))"#,
        r#"(export "last" (global $last))"#,
        r#"(export "__wasm_task_hook" (func $__wasm_task_hook))"#,
        "(elem $both (;0;) (i32.const 0) func $frame $log)",
        r#"(data $greeting (;0;) (i32.const 65536) "hello")"#,
        "(memory $memory (;0;) 2)",
    ] {
        assert!(
            text.lines().any(|l| l.trim() == line),
            "`{line}` not in:\n{text}"
        );
    }
}

#[test]
fn the_global_becomes_the_flag_at_the_same_index() {
    let text = print(&retargeted(&parse(SAMPLE)).module);
    assert!(text.contains("(global $counter (;1;) (mut i32) i32.const 7)"));
    assert!(text.contains("(global $__main_stack_taken (;2;) (mut i32) i32.const 0)"));
    assert!(text.contains("(global $last (;3;) i32 i32.const 3)"));
    assert!(!text.contains("__stack_pointer"));
}

#[test]
fn a_module_that_lacks_every_section_the_rewrite_needs_gets_them() {
    let done = retargeted(&parse(
        "(module (import \"env\" \"memory\" (memory 2)) (global (mut i32) (i32.const 65536)))",
    ));
    let report = done.report;
    assert_eq!((report.gets, report.sets), (0, 0));
    let sections = |wasm: &[u8]| {
        Parser::new(0)
            .parse_all(wasm)
            .filter_map(|p| p.unwrap().as_section().map(|(id, _)| id))
            .filter(|id| *id != 0)
            .collect::<Vec<_>>()
    };
    assert_eq!(sections(&done.module), [1, 2, 3, 6, 7, 10]);

    // No import section either.
    let done = retargeted(&module_with(""));
    assert_eq!(sections(&done.module), [1, 2, 3, 5, 6, 7, 10]);
}

#[test]
fn types_in_recursion_groups_are_counted_one_by_one() {
    let done = retargeted(&module_with(
        "(rec (type $a (struct (field (ref null $b)))) (type $b (struct (field (ref null $a)))))
         (func (export \"get\") (result i32) global.get $__stack_pointer)",
    ));
    assert_eq!(done.report.gets, 1);
}

#[test]
fn the_stacks_are_laid_out_below_the_pointers_initial_value() {
    let report = report_of("");
    assert_eq!((report.stack_top, report.main_top), (65536, 65536 - 8192));

    let options = Options {
        scratch_stack: 4096,
        ..Options::default()
    };
    let report = retargeted_with(&module_with(""), &options).report;
    assert_eq!((report.stack_top, report.main_top), (65536, 61440));
}

#[test]
fn a_stack_that_begins_unaligned_is_aligned_down() {
    let wasm = parse("(module (memory 2) (global (mut i32) (i32.const 65543)))");
    assert_eq!(retargeted(&wasm).report.stack_top, 65536);
}

#[test]
fn a_name_goes_before_position_and_an_index_before_a_name() {
    let wasm = parse(
        "(module (memory 2)
           (global $first (mut i32) (i32.const 32768))
           (global $__stack_pointer (mut i32) (i32.const 65536)))",
    );
    let report = retargeted(&wasm).report;
    assert_eq!((report.global, report.warnings), (1, vec![]));

    let options = Options {
        global: StackGlobal::Index(0),
        ..Options::default()
    };
    assert_eq!(retargeted_with(&wasm, &options).report.stack_top, 32768);
}

#[test]
fn without_a_name_the_first_hidden_mutable_i32_is_taken() {
    let wasm = parse(
        "(module
           (import \"env\" \"imported\" (global (mut i32)))
           (memory 2)
           (global i32 (i32.const 1))
           (global (mut i64) (i64.const 2))
           (global (export \"seen\") (mut i32) (i32.const 65536))
           (global (mut i32) (i32.const 65536)))",
    );
    let report = retargeted(&wasm).report;
    assert_eq!(report.global, 4);
    assert_eq!(report.warnings, [Warning::ChosenByPosition { global: 4 }]);
}

#[test]
fn a_start_function_runs_between_the_events_of_an_initialiser() {
    let done = retargeted(&module_with(
        "(func $begin global.get $__stack_pointer drop) (start $begin)",
    ));
    let text = print(&done.module);
    assert!(text.contains("(start $__wasm_start_with_stack)"), "{text}");
    assert_eq!(
        excerpt(&text, "(func $__wasm_start_with_stack"),
        "(func $__wasm_start_with_stack (;4;) (type 3)\n\
         i32.const 6\n\
         call $__wasm_task_hook\n\
         call $begin\n\
         i32.const 7\n\
         call $__wasm_task_hook"
    );
}

#[test]
fn an_allocator_is_used_only_with_both_its_halves_and_their_types() {
    let malloc = "(func (export \"malloc\") (param i32) (result i32) unreachable)";
    let free = "(func (export \"free\") (param i32))";
    let odd_free = "(func (export \"free\") (param i64))";
    assert!(report_of(&format!("{malloc}{free}")).allocates);
    assert!(!report_of(&format!("{malloc}{odd_free}")).allocates);
    assert!(!report_of(malloc).allocates);
    assert!(!report_of("").allocates);
}

#[test]
fn the_hook_calls_the_allocator_where_it_has_moved_to() {
    let done = retargeted(&module_with(
        "(func $grow (export \"malloc\") (param i32) (result i32) unreachable)
         (func $shrink (export \"free\") (param i32))",
    ));
    let hook = excerpt(&print(&done.module), "(func $__wasm_task_hook");
    assert!(
        hook.contains("i32.const 65536\ncall $\"[context-set-0]\"\ni32.const 65536\ncall $grow")
    );
    assert!(hook.contains("local.get 2\ncall $shrink"));
}

#[test]
fn the_hook_is_exported_with_the_type_wit_component_asks_for() {
    let done = retargeted(&parse(SAMPLE));
    let mut found = false;
    for payload in Parser::new(0).parse_all(&done.module) {
        if let Payload::ExportSection(exports) = payload.unwrap() {
            for export in exports {
                let export = export.unwrap();
                if export.name == "__wasm_task_hook" {
                    found = true;
                    assert_eq!((export.kind, export.index), (ExternalKind::Func, 5));
                }
            }
        }
    }
    assert!(found);
    assert!(print(&done.module).contains("(func $__wasm_task_hook (;5;) (type 4) (param i32)"));
}

#[test]
fn custom_sections_are_kept_dropped_or_warned_of() {
    let done = retargeted(&module_with(
        "(@custom \"producers\" \"\\00\")
         (@custom \".debug_info\" \"abc\")
         (@custom \"metadata.code.branch_hint\" \"\\00\")
         (@custom \"mine\" \"xyz\")",
    ));
    let kept: Vec<_> = Parser::new(0)
        .parse_all(&done.module)
        .filter_map(|p| match p.unwrap() {
            Payload::CustomSection(s) => Some((s.name().to_owned(), s.data().to_vec())),
            _ => None,
        })
        .filter(|(name, _)| name != "name")
        .collect();
    assert_eq!(
        kept,
        [
            ("producers".to_owned(), b"\0".to_vec()),
            (".debug_info".to_owned(), b"abc".to_vec()),
            ("mine".to_owned(), b"xyz".to_vec()),
        ]
    );
    assert_eq!(
        done.report.warnings,
        [
            Warning::CodeOffsetsMoved {
                section: ".debug_info".to_owned()
            },
            Warning::SectionDropped {
                section: "metadata.code.branch_hint".to_owned()
            },
        ]
    );
}

#[test]
fn a_destructor_without_an_allocator_is_warned_of() {
    let dtor = "(func (export \"x#[dtor]r\") (param i32))";
    let allocator = "(func (export \"malloc\") (param i32) (result i32) unreachable)
                     (func (export \"free\") (param i32))";
    assert_eq!(
        report_of(dtor).warnings,
        [Warning::DestructorWithoutMalloc {
            export: "x#[dtor]r".to_owned()
        }]
    );
    assert_eq!(report_of(&format!("{dtor}{allocator}")).warnings, []);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let wasm = parse(SAMPLE);
    let first = retargeted(&wasm);
    for _ in 0..8 {
        let again = retargeted(&wasm);
        assert_eq!(again.module, first.module);
        assert_eq!(again.report, first.report);
    }
}

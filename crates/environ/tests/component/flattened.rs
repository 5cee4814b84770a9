//! What components are flattened to: the program, written out a line a step.

use crate::program::check;

#[test]
fn a_component_lifts_and_lowers() {
    check(
        r#"(component
            (import "log" (func $log (param "s" string)))
            (core module $libc
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
            (core instance $libc (instantiate $libc))
            (core func $log (canon lower (func $log) (memory (core memory $libc "memory"))))
            (core module $m
                (import "host" "log" (func $log (param i32 i32)))
                (import "libc" "memory" (memory 1))
                (func (export "run") (param i32 i32) (result i32) (i32.const 0))
                (func (export "post") (param i32)))
            (core instance $m (instantiate $m
                (with "host" (instance (export "log" (func $log))))
                (with "libc" (instance $libc))))
            (func (export "run") (param "a" string) (result string)
                (canon lift (core func $m "run") (memory (core memory $libc "memory"))
                    (realloc (core func $libc "realloc"))
                    (post-return (core func $m "post")))))"#,
        "instantiate rinstance0 = module0 `libc` in cinstance0 ()
         memory rmemory0 = rinstance0.memory0
         lower lowered0 = import0
         instantiate rinstance1 = module1 `m` in cinstance0 (trampoline0, rinstance0.memory0)
         realloc rrealloc0 = rinstance0.func0
         post-return rpostreturn0 = rinstance1.func2
         export run: lift rinstance1.func1 options1
         known module1 func0: trampoline0",
    );
}

#[test]
fn nested_components_are_instantiated_in_place() {
    check(
        r#"(component
            (component $inner
                (core module $m (func (export "f")))
                (core instance $i (instantiate $m))
                (func (export "f") (canon lift (core func $i "f"))))
            (instance $a (instantiate $inner))
            (instance $b (instantiate $inner))
            (export "a" (instance $a))
            (export "b" (func $b "f")))"#,
        "instantiate rinstance0 = module0 `m` in cinstance1 ()
         instantiate rinstance1 = module0 `m` in cinstance2 ()
         export a / f: lift rinstance0.func0 options0
         export b: lift rinstance1.func0 options1",
    );
}

#[test]
fn outer_aliases_reach_modules_and_components_any_number_of_levels_out() {
    check(
        r#"(component $root
            (core module $m (func (export "f")))
            (component $leaf
                (alias outer $root $m (core module $mine))
                (core instance $i (instantiate $mine))
                (func (export "f") (canon lift (core func $i "f"))))
            (component $middle
                (component $inner
                    (alias outer $root $leaf (component $leaf))
                    (alias outer $root $m (core module $m))
                    (core instance $j (instantiate $m))
                    (instance $l (instantiate $leaf))
                    (export "l" (instance $l)))
                (instance $i (instantiate $inner))
                (export "i" (instance $i)))
            (instance $i (instantiate $middle))
            (export "x" (instance $i)))"#,
        "instantiate rinstance0 = module0 `m` in cinstance2 ()
         instantiate rinstance1 = module0 `m` in cinstance3 ()
         export x / i / l / f: lift rinstance1.func0 options0",
    );
}

#[test]
fn a_captured_component_is_the_one_of_its_own_instantiation() {
    // The inner component is instantiated after its surroundings were, twice, with different
    // modules: each closure must keep its own.
    check(
        r#"(component
            (core module $one (func (export "f")) (func (export "g")))
            (core module $two (func (export "g")) (func (export "f")))
            (component $make
                (import "m" (core module $m (export "f" (func))))
                (component $c (export "c")
                    (core instance $i (instantiate $m))
                    (func (export "f") (canon lift (core func $i "f")))))
            (instance $a (instantiate $make (with "m" (core module $one))))
            (instance $b (instantiate $make (with "m" (core module $two))))
            (alias export $b "c" (component $bc))
            (alias export $a "c" (component $ac))
            (instance $bi (instantiate $bc))
            (instance $ai (instantiate $ac))
            (export "a" (func $ai "f"))
            (export "b" (func $bi "f")))"#,
        "instantiate rinstance0 = module1 `two` in cinstance3 ()
         instantiate rinstance1 = module0 `one` in cinstance4 ()
         export a: lift rinstance1.func0 options1
         export b: lift rinstance0.func1 options0",
    );
}

#[test]
fn imported_instances_are_followed_by_name_also_when_nested_and_passed_on() {
    check(
        r#"(component
            (import "host" (instance $host
                (export "t" (type (sub resource)))
                (export "deep" (instance (export "f" (func (param "x" u32)))))))
            (alias export $host "deep" (instance $deep))
            (component $inner
                (import "d" (instance $d (export "f" (func (param "x" u32)))))
                (core func $f (canon lower (func $d "f")))
                (core module $m (import "" "f" (func (param i32))))
                (core instance (instantiate $m
                    (with "" (instance (export "f" (func $f)))))))
            (instance (instantiate $inner (with "d" (instance $deep))))
            (export "again" (instance $host))
            (export "f" (func $deep "f")))"#,
        "lower lowered0 = import0 / deep / f
         instantiate rinstance0 = module0 `m` in cinstance1 (trampoline0)
         instantiate rinstance1 = module1 in cinstance0 ()
         memory rmemory0 = rinstance1.memory0
         realloc rrealloc0 = rinstance1.func0
         instantiate rinstance2 = module2 in cinstance0 (trampoline1, rinstance1.func0, rinstance1.func1, rinstance1.func2)
         post-return rpostreturn0 = rinstance2.func5
         export again / t: type
         export again / deep / f: lift rinstance2.func4 options2
         export f: lift rinstance2.func4 options2
         known module0 func0: trampoline0
         known module2 func0: trampoline1
         known module2 func1: module1 dfunc0
         known module2 func2: module1 dfunc1
         known module2 func3: module1 dfunc2",
    );
}

#[test]
fn types_that_nothing_lifts_or_lowers_are_carried_along() {
    check(
        r#"(component
            (type $r (record (field "x" u8)))
            (import "t" (type $t (eq $r)))
            (import "r" (type (sub resource)))
            (component (import "f" (func (param "x" (option u8)))))
            (type $i (instance (export "x" (func (result (tuple u8 u8))))))
            (export "u" (type $t)))"#,
        "export u: type",
    );
}

#[test]
fn imports_through_other_modules_are_known_as_what_they_are() {
    check(
        r#"(component
            (core module $a (func (export "unused")) (func (export "f")))
            (core instance $a (instantiate $a))
            (core module $b
                (import "a" "f" (func $f))
                (export "renamed" (func $f)))
            (core instance $b (instantiate $b (with "a" (instance $a))))
            (core instance $c (export "x" (func $b "renamed")))
            (core module $d (import "c" "x" (func)))
            (core instance (instantiate $d (with "c" (instance $c)))))"#,
        "instantiate rinstance0 = module0 `a` in cinstance0 ()
         instantiate rinstance1 = module1 `b` in cinstance0 (rinstance0.func1)
         instantiate rinstance2 = module2 `d` in cinstance0 (rinstance0.func1)
         known module1 func0: module0 dfunc1
         known module2 func0: module0 dfunc1",
    );
}

const CONTEXT: &str = r#"
    (core func $get0 (canon context.get i32 0))
    (core func $get1 (canon context.get i32 1))
    (core func $set1 (canon context.set i32 1))
    (core module $m
        (import "" "get" (func (result i32)))
        (import "" "set" (func (param i32))))
    (core instance (instantiate $m (with ""
        (instance (export "get" (func $get0)) (export "set" (func $set1))))))"#;

#[test]
fn context_intrinsics_are_known_in_a_module_instantiated_once() {
    check(
        &format!("(component {CONTEXT})"),
        "instantiate rinstance0 = module0 `m` in cinstance0 (trampoline0, trampoline2)
         known module0 func0: context.get i32 0
         known module0 func1: context.set i32 1",
    );
}

#[test]
fn an_import_that_differs_between_instances_is_unknown_and_the_others_are_known() {
    check(
        &format!(
            r#"(component {CONTEXT}
            (core instance (instantiate $m (with ""
                (instance (export "get" (func $get1)) (export "set" (func $set1)))))))"#
        ),
        "instantiate rinstance0 = module0 `m` in cinstance0 (trampoline0, trampoline2)
         instantiate rinstance1 = module0 `m` in cinstance0 (trampoline1, trampoline2)
         known module0 func1: context.set i32 1",
    );
}

#[test]
fn an_unknown_import_stays_unknown_when_a_third_instance_agrees_with_the_first() {
    check(
        &format!(
            r#"(component {CONTEXT}
            (core instance (instantiate $m (with ""
                (instance (export "get" (func $get1)) (export "set" (func $set1))))))
            (core instance (instantiate $m (with ""
                (instance (export "get" (func $get0)) (export "set" (func $set1)))))))"#
        ),
        "instantiate rinstance0 = module0 `m` in cinstance0 (trampoline0, trampoline2)
         instantiate rinstance1 = module0 `m` in cinstance0 (trampoline1, trampoline2)
         instantiate rinstance2 = module0 `m` in cinstance0 (trampoline0, trampoline2)
         known module0 func1: context.set i32 1",
    );
}

#[test]
fn a_trampoline_can_be_lifted() {
    check(
        r#"(component
            (core func $get (canon context.get i32 0))
            (func (export "get") (result u32) (canon lift (core func $get))))"#,
        "export get: lift trampoline0 options0",
    );
}

#[test]
fn equal_options_memories_and_lowerings_are_noted_once() {
    check(
        r#"(component
            (import "f" (func $f (param "s" string)))
            (import "g" (func $g (param "s" string)))
            (core module $m (memory (export "a") 1) (export "b" (memory 0)))
            (core instance $m (instantiate $m))
            (core func $f1 (canon lower (func $f) (memory (core memory $m "a"))))
            (core func $f2 (canon lower (func $f) (memory (core memory $m "b"))))
            (core func $g1 (canon lower (func $g) (memory (core memory $m "b"))))
            (core module $n
                (import "" "f1" (func (param i32 i32)))
                (import "" "f2" (func (param i32 i32)))
                (import "" "g1" (func (param i32 i32))))
            (core instance (instantiate $n (with "" (instance
                (export "f1" (func $f1)) (export "f2" (func $f2)) (export "g1" (func $g1)))))))"#,
        "instantiate rinstance0 = module0 `m` in cinstance0 ()
         memory rmemory0 = rinstance0.memory0
         lower lowered0 = import0
         lower lowered1 = import1
         instantiate rinstance1 = module1 `n` in cinstance0 (trampoline0, trampoline0, trampoline1)
         known module1 func0: trampoline0
         known module1 func1: trampoline0
         known module1 func2: trampoline1",
    );
}

//! What components are flattened to: the program, written out a line a step.

mod program;

use program::check;

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

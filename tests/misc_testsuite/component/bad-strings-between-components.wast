;; A component that passes a string which reaches out of its memory, or is not utf-8, to another
;; traps before the callee runs.

(component definition $C
  (component $Callee
    (core module $M
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
      (func (export "take") (param i32 i32) (result i32) (local.get 1)))
    (core instance $m (instantiate $M))
    (func (export "take") (param "text" string) (result u32)
      (canon lift (core func $m "take")
        (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))
  (component $Caller
    (import "take" (func $take (param "text" string) (result u32)))
    (core module $Memory
      (memory (export "memory") 1)
      (data (i32.const 0) "ok\ff\c0\80"))
    (core instance $memory (instantiate $Memory))
    (canon lower (func $take) (memory (core memory $memory "memory")) (core func $take'))
    (core module $M
      (import "" "take" (func $take (param i32 i32) (result i32)))
      (func (export "run") (param i32 i32) (result i32)
        (call $take (local.get 0) (local.get 1))))
    (core instance $m (instantiate $M (with "" (instance (export "take" (func $take'))))))
    (func (export "run") (param "at" u32) (param "length" u32) (result u32)
      (canon lift (core func $m "run"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "take" (func $callee "take"))))
  (func (export "run") (alias export $caller "run")))

(component instance $a $C)
(assert_return (invoke "run" (u32.const 0) (u32.const 2)) (u32.const 2))
(assert_return (invoke "run" (u32.const 65536) (u32.const 0)) (u32.const 0))
(assert_trap (invoke "run" (u32.const 65536) (u32.const 1)) "bounds")
(component instance $b $C)
(assert_trap (invoke "run" (u32.const 0xffffff00) (u32.const 0x200)) "bounds")
(component instance $c $C)
(assert_trap (invoke "run" (u32.const 0) (u32.const 3)) "utf-8")
(component instance $d $C)
(assert_trap (invoke "run" (u32.const 3) (u32.const 2)) "utf-8")

;; A string passed from one component to another makes the callee's `realloc` run: it sees
;; neither the caller's slots nor leaves anything in the callee's or the caller's.

(component
  (component $Callee
    (canon context.get i32 0 (core func $get))
    (canon context.set i32 0 (core func $set))
    (core module $M
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (memory (export "memory") 1)
      (global $seen (mut i32) (i32.const -1))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (global.set $seen (call $get))
        (call $set (i32.const 0x0f0f))
        (i32.const 512))
      (func (export "take") (param i32 i32) (result i32)
        (i32.or (global.get $seen) (call $get))))
    (core instance $m (instantiate $M (with "" (instance
      (export "get" (func $get)) (export "set" (func $set))))))
    (func (export "take") (param "text" string) (result u32)
      (canon lift (core func $m "take")
        (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))
  (component $Caller
    (import "take" (func $take (param "text" string) (result u32)))
    (canon context.get i32 0 (core func $get))
    (canon context.set i32 0 (core func $set))
    (core module $Memory (memory (export "memory") 1) (data (i32.const 32) "text"))
    (core instance $memory (instantiate $Memory))
    (canon lower (func $take) (memory (core memory $memory "memory")) (core func $take'))
    (core module $M
      (import "" "take" (func $take (param i32 i32) (result i32)))
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (func (export "run") (result i32)
        (call $set (i32.const 123))
        (i32.add (call $take (i32.const 32) (i32.const 4)) (call $get))))
    (core instance $m (instantiate $M (with "" (instance
      (export "take" (func $take'))
      (export "get" (func $get)) (export "set" (func $set))))))
    (func (export "run") (result u32) (canon lift (core func $m "run"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "take" (func $callee "take"))))
  (func (export "run") (alias export $caller "run")))

(assert_return (invoke "run") (u32.const 123))
(assert_return (invoke "run") (u32.const 123))

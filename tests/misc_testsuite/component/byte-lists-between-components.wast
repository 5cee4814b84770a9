;; A `list<u8>` passed from one component to another is copied, bytes that are no utf-8 too.

(component
  (component $Callee
    (core module $M
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
      (func (export "sum") (param $at i32) (param $left i32) (result i32)
        (local $sum i32)
        (block $done
          (loop $again
            (br_if $done (i32.eqz (local.get $left)))
            (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $at))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br $again)))
        (local.get $sum)))
    (core instance $m (instantiate $M))
    (func (export "sum") (param "bytes" (list u8)) (result u32)
      (canon lift (core func $m "sum")
        (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))
  (component $Caller
    (import "sum" (func $sum (param "bytes" (list u8)) (result u32)))
    (core module $Memory
      (memory (export "memory") 1)
      (data (i32.const 7) "\ff\fe\01\00\02"))
    (core instance $memory (instantiate $Memory))
    (canon lower (func $sum) (memory (core memory $memory "memory")) (core func $sum'))
    (core module $M
      (import "" "sum" (func $sum (param i32 i32) (result i32)))
      (func (export "run") (param i32 i32) (result i32)
        (call $sum (local.get 0) (local.get 1))))
    (core instance $m (instantiate $M (with "" (instance (export "sum" (func $sum'))))))
    (func (export "run") (param "at" u32) (param "length" u32) (result u32)
      (canon lift (core func $m "run"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "sum" (func $callee "sum"))))
  (func (export "run") (alias export $caller "run")))

(assert_return (invoke "run" (u32.const 7) (u32.const 5)) (u32.const 512))
(assert_return (invoke "run" (u32.const 0) (u32.const 0)) (u32.const 0))
(assert_trap (invoke "run" (u32.const 65530) (u32.const 7)) "bounds")

;; A string passed from one component to another is copied from memory to memory, and a result
;; string back again.

(component
  (component $Callee
    (core module $M
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (global.get $next)
        (global.set $next (i32.add (global.get $next) (local.get 3))))
      ;; Returns its argument with the first byte raised by one.
      (func (export "shift") (param $at i32) (param $length i32) (result i32)
        (i32.store8 (local.get $at) (i32.add (i32.load8_u (local.get $at)) (i32.const 1)))
        (i32.store (i32.const 8) (local.get $at))
        (i32.store (i32.const 12) (local.get $length))
        (i32.const 8)))
    (core instance $m (instantiate $M))
    (func (export "shift") (param "text" string) (result string)
      (canon lift (core func $m "shift")
        (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))
  (component $Caller
    (import "shift" (func $shift (param "text" string) (result string)))
    (core module $Memory
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 2048)))
    (core instance $memory (instantiate $Memory))
    (canon lower (func $shift)
      (memory (core memory $memory "memory"))
      (realloc (core func $memory "realloc"))
      (core func $shift'))
    (core module $M
      (import "memory" "memory" (memory 1))
      (import "" "shift" (func $shift (param i32 i32 i32)))
      (data (i32.const 100) "hello")
      (func (export "run") (result i32)
        (call $shift (i32.const 100) (i32.const 5) (i32.const 16))
        ;; What was passed is as it was.
        (if (i32.ne (i32.load8_u (i32.const 100)) (i32.const 0x68)) (then unreachable))
        (i32.const 16)))
    (core instance $m (instantiate $M
      (with "memory" (instance $memory))
      (with "" (instance (export "shift" (func $shift'))))))
    (func (export "run") (result string)
      (canon lift (core func $m "run") (memory (core memory $memory "memory")))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "shift" (func $callee "shift"))))
  (func (export "run") (alias export $caller "run")))

(assert_return (invoke "run") (str.const "iello"))
(assert_return (invoke "run") (str.const "iello"))

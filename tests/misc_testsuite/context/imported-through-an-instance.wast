;; A component that takes the function it calls from an imported instance keeps its slots over
;; the call.

(component
  (component $Callee
    (canon context.get i32 0 (core func $get))
    (canon context.set i32 0 (core func $set))
    (core module $M
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (func (export "next") (param i32) (result i32)
        (call $set (i32.add (call $get) (local.get 0)))
        (i32.add (call $get) (i32.const 1))))
    (core instance $m (instantiate $M (with "" (instance
      (export "get" (func $get)) (export "set" (func $set))))))
    (func $next (param "value" u32) (result u32) (canon lift (core func $m "next")))
    (instance (export "counting") (export "next" (func $next))))
  (component $Caller
    (import "counting" (instance $counting
      (export "next" (func (param "value" u32) (result u32)))))
    (canon lower (func $counting "next") (core func $next))
    (canon context.get i32 0 (core func $get))
    (canon context.set i32 0 (core func $set))
    (core module $M
      (import "" "next" (func $next (param i32) (result i32)))
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (func (export "run") (result i32)
        (call $set (i32.const 70))
        (i32.add (call $next (call $next (i32.const 1))) (call $get))))
    (core instance $m (instantiate $M (with "" (instance
      (export "next" (func $next))
      (export "get" (func $get)) (export "set" (func $set))))))
    (func (export "run") (result u32) (canon lift (core func $m "run"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "counting" (instance $callee "counting"))))
  (func (export "run") (alias export $caller "run")))

(assert_return (invoke "run") (u32.const 73))

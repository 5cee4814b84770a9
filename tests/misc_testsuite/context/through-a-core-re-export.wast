;; A core module that exports the built-in it imports passes it on to the next module.

(component
  (canon context.get i32 1 (core func $get))
  (canon context.set i32 1 (core func $set))
  (core module $Pass
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (export "load" (func $get))
    (export "store" (func $set)))
  (core instance $pass (instantiate $Pass (with "" (instance
    (export "get" (func $get)) (export "set" (func $set))))))
  (core module $M
    (import "pass" "load" (func $get (result i32)))
    (import "pass" "store" (func $set (param i32)))
    (import "" "get" (func $direct (result i32)))
    (func (export "run") (param i32) (result i32)
      (call $set (local.get 0))
      (i32.add (call $get) (call $direct))))
  (core instance $m (instantiate $M
    (with "pass" (instance $pass))
    (with "" (instance (export "get" (func $get))))))
  (func (export "run") (param "value" u32) (result u32) (canon lift (core func $m "run"))))

(assert_return (invoke "run" (u32.const 8)) (u32.const 16))

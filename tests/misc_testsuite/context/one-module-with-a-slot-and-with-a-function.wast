;; A module instantiated twice: its import is `context.get` in one instance and an ordinary
;; function in the other.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $Constant (func (export "get") (result i32) (i32.const 42)))
  (core instance $constant (instantiate $Constant))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (func (export "ask") (result i32) (i32.add (call $get) (call $get))))
  (core instance $slot (instantiate $M (with "" (instance (export "get" (func $get))))))
  (core instance $function (instantiate $M (with "" (instance $constant))))
  (core module $Main
    (import "slot" "ask" (func $slot (result i32)))
    (import "function" "ask" (func $function (result i32)))
    (import "" "set" (func $set (param i32)))
    (func (export "run") (result i32)
      (call $set (i32.const 500))
      (i32.add (call $slot) (call $function))))
  (core instance $main (instantiate $Main
    (with "slot" (instance $slot))
    (with "function" (instance $function))
    (with "" (instance (export "set" (func $set))))))
  (func (export "run") (result u32) (canon lift (core func $main "run"))))

(assert_return (invoke "run") (u32.const 1084))

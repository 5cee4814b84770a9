;; Core instances of one component call each other without a new thread: they share the slots.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $Callee
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func (export "add") (param i32)
      (call $set (i32.add (call $get) (local.get 0)))))
  (core instance $callee (instantiate $Callee (with "" (instance
    (export "get" (func $get))
    (export "set" (func $set))))))
  (core module $Caller
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (import "callee" "add" (func $add (param i32)))
    (func (export "run") (result i32)
      (call $set (i32.const 100))
      (call $add (i32.const 20))
      (call $add (i32.const 3))
      (call $get)))
  (core instance $caller (instantiate $Caller
    (with "" (instance (export "get" (func $get)) (export "set" (func $set))))
    (with "callee" (instance $callee))))
  (func (export "run") (result u32) (canon lift (core func $caller "run"))))

(assert_return (invoke "run") (u32.const 123))
(assert_return (invoke "run") (u32.const 123))

;; Two declarations of the same built-in are two core functions for one slot.

(component
  (canon context.get i32 0 (core func $get-a))
  (canon context.get i32 0 (core func $get-b))
  (canon context.set i32 0 (core func $set-a))
  (canon context.set i32 0 (core func $set-b))
  (core module $M
    (import "" "get-a" (func $get-a (result i32)))
    (import "" "get-b" (func $get-b (result i32)))
    (import "" "set-a" (func $set-a (param i32)))
    (import "" "set-b" (func $set-b (param i32)))
    (func (export "run") (result i32)
      (call $set-a (i32.const 1))
      (call $set-b (i32.add (call $get-b) (i32.const 10)))
      (i32.mul (call $get-a) (i32.const 3))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get-a" (func $get-a)) (export "get-b" (func $get-b))
    (export "set-a" (func $set-a)) (export "set-b" (func $set-b))))))
  (func (export "run") (result u32) (canon lift (core func $m "run"))))

(assert_return (invoke "run") (u32.const 33))

;; Of several sets in a row the last one counts, and gets between them see each.

(component
  (canon context.get i32 1 (core func $get))
  (canon context.set i32 1 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func (export "last") (result i32)
      (call $set (i32.const 1))
      (call $set (i32.const 2))
      (call $set (i32.const 3))
      (call $get))
    (func (export "digits") (result i32)
      (local $sum i32)
      (call $set (i32.const 4))
      (local.set $sum (call $get))
      (call $set (i32.const 5))
      (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 10)) (call $get)))
      (call $set (i32.const 6))
      (i32.add (i32.mul (local.get $sum) (i32.const 10)) (call $get))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get))
    (export "set" (func $set))))))
  (func (export "last") (result u32) (canon lift (core func $m "last")))
  (func (export "digits") (result u32) (canon lift (core func $m "digits"))))

(assert_return (invoke "last") (u32.const 3))
(assert_return (invoke "digits") (u32.const 456))

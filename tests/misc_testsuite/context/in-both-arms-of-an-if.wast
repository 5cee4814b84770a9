;; After a branch the slot holds what the arm that ran stored, and the old value if none did.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func (export "two") (param i32) (result i32)
      (if (local.get 0)
        (then (call $set (i32.const 10)))
        (else (call $set (i32.const 20))))
      (call $get))
    (func (export "one") (param i32) (result i32)
      (call $set (i32.const 30))
      (if (local.get 0) (then (call $set (i32.const 40))))
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get))
    (export "set" (func $set))))))
  (func (export "two") (param "which" u32) (result u32) (canon lift (core func $m "two")))
  (func (export "one") (param "which" u32) (result u32) (canon lift (core func $m "one"))))

(assert_return (invoke "two" (u32.const 1)) (u32.const 10))
(assert_return (invoke "two" (u32.const 0)) (u32.const 20))
(assert_return (invoke "one" (u32.const 1)) (u32.const 40))
(assert_return (invoke "one" (u32.const 0)) (u32.const 30))

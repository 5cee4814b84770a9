;; What one call of an export leaves in the slots, the next does not see.

(component
  (canon context.get i32 0 (core func $get0))
  (canon context.set i32 0 (core func $set0))
  (canon context.get i32 1 (core func $get1))
  (canon context.set i32 1 (core func $set1))
  (core module $M
    (import "" "get0" (func $get0 (result i32)))
    (import "" "set0" (func $set0 (param i32)))
    (import "" "get1" (func $get1 (result i32)))
    (import "" "set1" (func $set1 (param i32)))
    ;; Sets both slots and returns what they held, or-ed.
    (func (export "swap") (param i32) (result i32)
      (i32.or (call $get0) (call $get1))
      (call $set0 (local.get 0))
      (call $set1 (local.get 0))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get0" (func $get0)) (export "set0" (func $set0))
    (export "get1" (func $get1)) (export "set1" (func $set1))))))
  (func (export "swap") (param "value" u32) (result u32)
    (canon lift (core func $m "swap"))))

(assert_return (invoke "swap" (u32.const 0xffffffff)) (u32.const 0))
(assert_return (invoke "swap" (u32.const 0xffffffff)) (u32.const 0))
(assert_return (invoke "swap" (u32.const 7)) (u32.const 0))

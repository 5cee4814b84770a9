;; Setting one slot leaves the other alone, in both directions.

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
    (func (export "set0-get1") (result i32)
      (call $set0 (i32.const 11))
      (call $get1))
    (func (export "set1-get0") (result i32)
      (call $set1 (i32.const 12))
      (call $get0))
    (func (export "both") (result i32)
      (call $set0 (i32.const 500))
      (call $set1 (i32.const 3))
      (i32.sub (call $get0) (call $get1))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get0" (func $get0)) (export "set0" (func $set0))
    (export "get1" (func $get1)) (export "set1" (func $set1))))))
  (func (export "set0-get1") (result u32) (canon lift (core func $m "set0-get1")))
  (func (export "set1-get0") (result u32) (canon lift (core func $m "set1-get0")))
  (func (export "both") (result u32) (canon lift (core func $m "both"))))

(assert_return (invoke "set0-get1") (u32.const 0))
(assert_return (invoke "set1-get0") (u32.const 0))
(assert_return (invoke "both") (u32.const 497))

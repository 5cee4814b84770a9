;; As i64 too, all bits of both slots are zero when an export starts, also after a call that
;; filled them.

(component
  (canon context.get i64 0 (core func $get0))
  (canon context.set i64 0 (core func $set0))
  (canon context.get i64 1 (core func $get1))
  (canon context.set i64 1 (core func $set1))
  (core module $M
    (import "" "get0" (func $get0 (result i64)))
    (import "" "set0" (func $set0 (param i64)))
    (import "" "get1" (func $get1 (result i64)))
    (import "" "set1" (func $set1 (param i64)))
    (func (export "fill") (result i64)
      (i64.or (call $get0) (call $get1))
      (call $set0 (i64.const -1))
      (call $set1 (i64.const -1))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get0" (func $get0)) (export "set0" (func $set0))
    (export "get1" (func $get1)) (export "set1" (func $set1))))))
  (func (export "fill") (result u64) (canon lift (core func $m "fill"))))

(assert_return (invoke "fill") (u64.const 0))
(assert_return (invoke "fill") (u64.const 0))

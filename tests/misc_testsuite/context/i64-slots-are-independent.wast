;; The upper half of an i64 slot does not reach into its neighbour.

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
    (func (export "keeps1") (result i64)
      (call $set1 (i64.const 0x1111111122222222))
      (call $set0 (i64.const -1))
      (call $get1))
    (func (export "keeps0") (result i64)
      (call $set0 (i64.const 0x3333333344444444))
      (call $set1 (i64.const -1))
      (call $get0)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get0" (func $get0)) (export "set0" (func $set0))
    (export "get1" (func $get1)) (export "set1" (func $set1))))))
  (func (export "keeps1") (result u64) (canon lift (core func $m "keeps1")))
  (func (export "keeps0") (result u64) (canon lift (core func $m "keeps0"))))

(assert_return (invoke "keeps1") (u64.const 0x1111111122222222))
(assert_return (invoke "keeps0") (u64.const 0x3333333344444444))

;; A slot used as i64 holds all 64 bits.

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
    (func (export "echo0") (param i64) (result i64)
      (call $set0 (local.get 0))
      (call $get0))
    (func (export "echo1") (param i64) (result i64)
      (call $set1 (local.get 0))
      (call $get1)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get0" (func $get0)) (export "set0" (func $set0))
    (export "get1" (func $get1)) (export "set1" (func $set1))))))
  (func (export "echo0") (param "value" u64) (result u64)
    (canon lift (core func $m "echo0")))
  (func (export "echo1") (param "value" u64) (result u64)
    (canon lift (core func $m "echo1"))))

(assert_return (invoke "echo0" (u64.const 0x123456789abcdef0)) (u64.const 0x123456789abcdef0))
(assert_return (invoke "echo0" (u64.const 0xffffffff00000000)) (u64.const 0xffffffff00000000))
(assert_return (invoke "echo1" (u64.const 0x8000000000000000)) (u64.const 0x8000000000000000))
(assert_return (invoke "echo1" (u64.const 0xffffffffffffffff)) (u64.const 0xffffffffffffffff))

;; Constant expressions add, subtract and multiply, modulo their width, with globals and in
;; offsets of segments.

(module
  (import "spectest" "global_i32" (global $i i32))
  (global $a i32 (i32.sub (i32.mul (global.get $i) (i32.const 2)) (i32.add (i32.const 1) (i32.const 2))))
  (global $wrap i64 (i64.mul (i64.const 0x8000_0000_0000_0001) (i64.add (i64.const 1) (i64.const 1))))
  (memory 1)
  (data (i32.add (i32.const 0x10) (i32.mul (i32.const 2) (i32.const 3))) "x")
  (table 10 funcref)
  (elem (offset (i32.sub (i32.const 9) (i32.const 2))) $f)
  (func $f)
  (func (export "a") (result i32) (global.get $a))
  (func (export "wrap") (result i64) (global.get $wrap))
  (func (export "byte") (result i32) (i32.load8_u (i32.const 0x16)))
  (func (export "is_null") (param i32) (result i32) (ref.is_null (table.get (local.get 0)))))

(assert_return (invoke "a") (i32.const 1329))
(assert_return (invoke "wrap") (i64.const 2))
(assert_return (invoke "byte") (i32.const 120))
(assert_return (invoke "is_null" (i32.const 6)) (i32.const 1))
(assert_return (invoke "is_null" (i32.const 7)) (i32.const 0))

(assert_trap
  (module (memory 1) (data (i32.sub (i32.const 0) (i32.const 1)) "x"))
  "out of bounds memory access")

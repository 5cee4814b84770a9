;; Tables of one function type are called without a look at the type, and still trap at null and at
;; their end; where null is not allowed, they start with what their initialiser says.

(module
  (type $t (func (param i32) (result i32)))
  (elem declare func $double)
  (func $double (type $t) (i32.add (local.get 0) (local.get 0)))
  (table $full 2 4 (ref $t) (ref.func $double))
  (table $sparse 2 (ref null $t))
  (func (export "full") (param i32) (result i32)
    (call_indirect $full (type $t) (i32.const 21) (local.get 0)))
  (func (export "sparse") (param i32) (result i32)
    (call_indirect $sparse (type $t) (i32.const 21) (local.get 0)))
  (func (export "copy") (table.copy $sparse $full (i32.const 1) (i32.const 0) (i32.const 1)))
  (func (export "grow") (result i32) (table.grow $full (ref.func $double) (i32.const 1)))
  (func (export "null") (result i32) (call_ref $t (i32.const 0) (table.get $sparse (i32.const 0)))))

(assert_return (invoke "full" (i32.const 1)) (i32.const 42))
(assert_trap (invoke "full" (i32.const 2)) "undefined element")
(assert_return (invoke "grow") (i32.const 2))
(assert_return (invoke "full" (i32.const 2)) (i32.const 42))
(assert_trap (invoke "sparse" (i32.const 1)) "uninitialized element")
(assert_return (invoke "copy"))
(assert_return (invoke "sparse" (i32.const 1)) (i32.const 42))
(assert_trap (invoke "sparse" (i32.const 2)) "undefined element")
(assert_trap (invoke "null") "null function reference")

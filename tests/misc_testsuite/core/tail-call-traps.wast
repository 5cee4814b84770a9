;; A tail call through a table traps as a call does.

(module
  (type $ty (func (result i32)))
  (table 3 funcref)
  (elem (i32.const 0) $f $g)
  (func $f (result i32) (i32.const 7))
  (func $g)
  (func (export "call") (param i32) (result i32)
    (return_call_indirect (type $ty) (local.get 0))))

(assert_return (invoke "call" (i32.const 0)) (i32.const 7))
(assert_trap (invoke "call" (i32.const 1)) "indirect call type mismatch")
(assert_trap (invoke "call" (i32.const 2)) "uninitialized element")
(assert_trap (invoke "call" (i32.const 3)) "undefined element")

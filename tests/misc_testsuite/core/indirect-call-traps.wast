;; An indirect call traps past the table's end, on an empty element and on another type.

(module
  (type $get (func (result i32)))
  (table 3 funcref)
  (elem (i32.const 0) $one $void)
  (func $one (result i32) (i32.const 1))
  (func $void)
  (func (export "call") (param i32) (result i32) (call_indirect (type $get) (local.get 0))))

(assert_return (invoke "call" (i32.const 0)) (i32.const 1))
(assert_trap (invoke "call" (i32.const 1)) "indirect call type mismatch")
(assert_trap (invoke "call" (i32.const 2)) "uninitialized element")
(assert_trap (invoke "call" (i32.const 3)) "undefined element")
(assert_trap (invoke "call" (i32.const -1)) "undefined element")

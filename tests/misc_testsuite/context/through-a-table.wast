;; `context.get` and `context.set` as function references in a table, called indirectly.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (type $getter (func (result i32)))
    (type $setter (func (param i32)))
    (import "" "get" (func $get (type $getter)))
    (import "" "set" (func $set (type $setter)))
    (table funcref (elem $get $set))
    (func (export "indirect") (param i32) (result i32)
      (call_indirect (type $setter) (local.get 0) (i32.const 1))
      (call_indirect (type $getter) (i32.const 0)))
    (func (export "mixed") (param i32) (result i32)
      (call $set (local.get 0))
      (call_indirect (type $setter)
        (i32.add (call_indirect (type $getter) (i32.const 0)) (i32.const 1))
        (i32.const 1))
      (call $get))
    (func (export "mistyped") (result i32)
      (call_indirect (type $getter) (i32.const 1))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set))))))
  (func (export "indirect") (param "value" u32) (result u32)
    (canon lift (core func $m "indirect")))
  (func (export "mixed") (param "value" u32) (result u32)
    (canon lift (core func $m "mixed")))
  (func (export "mistyped") (result u32) (canon lift (core func $m "mistyped"))))

(assert_return (invoke "indirect" (u32.const 9)) (u32.const 9))
(assert_return (invoke "mixed" (u32.const 9)) (u32.const 10))
(assert_trap (invoke "mistyped") "indirect call type mismatch")

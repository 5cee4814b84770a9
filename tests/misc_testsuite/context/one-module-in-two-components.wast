;; A core module of the parent, instantiated in two nested components through outer aliases,
;; with slot 0 in one and slot 1 in the other.

(component
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func (export "echo") (param i32) (result i32)
      (if (call $get) (then unreachable))
      (call $set (local.get 0))
      (call $get)))
  (component $A
    (alias outer 1 $M (core module $M'))
    (canon context.get i32 0 (core func $get))
    (canon context.set i32 0 (core func $set))
    (core instance $m (instantiate $M' (with "" (instance
      (export "get" (func $get)) (export "set" (func $set))))))
    (func (export "echo") (param "value" u32) (result u32) (canon lift (core func $m "echo"))))
  (component $B
    (alias outer 1 $M (core module $M'))
    (canon context.get i32 1 (core func $get))
    (canon context.set i32 1 (core func $set))
    (core instance $m (instantiate $M' (with "" (instance
      (export "get" (func $get)) (export "set" (func $set))))))
    (func (export "echo") (param "value" u32) (result u32) (canon lift (core func $m "echo"))))
  (instance $a (instantiate $A))
  (instance $b (instantiate $B))
  (func (export "a") (alias export $a "echo"))
  (func (export "b") (alias export $b "echo")))

(assert_return (invoke "a" (u32.const 5)) (u32.const 5))
(assert_return (invoke "b" (u32.const 6)) (u32.const 6))
(assert_return (invoke "a" (u32.const 7)) (u32.const 7))

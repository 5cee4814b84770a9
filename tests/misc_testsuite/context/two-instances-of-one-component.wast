;; Two instances of one component calling through each other do not share slots.

(component
  (component $Leaf
    (core module $M (func (export "f") (result i32) (i32.const 0)))
    (core instance $m (instantiate $M))
    (func (export "f") (result u32) (canon lift (core func $m "f"))))
  (component $C
    (import "f" (func $f (result u32)))
    (canon lower (func $f) (core func $f'))
    (canon context.get i32 1 (core func $get))
    (canon context.set i32 1 (core func $set))
    (core module $M
      (import "" "f" (func $f (result i32)))
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (func (export "f") (result i32)
        (local $inner i32)
        (call $set (i32.add (call $get) (i32.const 1)))
        (local.set $inner (call $f))
        (i32.add (local.get $inner) (call $get))))
    (core instance $m (instantiate $M (with "" (instance
      (export "f" (func $f'))
      (export "get" (func $get)) (export "set" (func $set))))))
    (func (export "f") (result u32) (canon lift (core func $m "f"))))
  (instance $leaf (instantiate $Leaf))
  (instance $a (instantiate $C (with "f" (func $leaf "f"))))
  (instance $b (instantiate $C (with "f" (func $a "f"))))
  (instance $c (instantiate $C (with "f" (func $b "f"))))
  (func (export "f") (alias export $c "f")))

(assert_return (invoke "f") (u32.const 3))
(assert_return (invoke "f") (u32.const 3))

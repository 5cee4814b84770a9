;; In a chain of three components each has slots of its own, and they come back in turn.

(component
  (component $Inner
    (canon context.get i32 0 (core func $get))
    (canon context.set i32 0 (core func $set))
    (core module $M
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (func (export "f") (result i32)
        (if (call $get) (then unreachable))
        (call $set (i32.const 3))
        (call $get)))
    (core instance $m (instantiate $M (with "" (instance
      (export "get" (func $get)) (export "set" (func $set))))))
    (func (export "f") (result u32) (canon lift (core func $m "f"))))
  (component $Outer
    (import "f" (func $f (result u32)))
    (canon lower (func $f) (core func $f'))
    (canon context.get i32 0 (core func $get))
    (canon context.set i32 0 (core func $set))
    (core module $M
      (import "" "f" (func $f (result i32)))
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (global $base (mut i32) (i32.const 0))
      ;; Adds its own slot, times ten, to what the callee gives.
      (func (export "f") (result i32)
        (if (call $get) (then unreachable))
        (call $set (i32.const 20))
        (i32.add (i32.mul (call $f) (i32.const 10)) (call $get))))
    (core instance $m (instantiate $M (with "" (instance
      (export "f" (func $f'))
      (export "get" (func $get)) (export "set" (func $set))))))
    (func (export "f") (result u32) (canon lift (core func $m "f"))))
  (instance $inner (instantiate $Inner))
  (instance $middle (instantiate $Outer (with "f" (func $inner "f"))))
  (instance $outer (instantiate $Outer (with "f" (func $middle "f"))))
  (func (export "f") (alias export $outer "f")))

;; ((3 * 10) + 20) * 10 + 20
(assert_return (invoke "f") (u32.const 520))
(assert_return (invoke "f") (u32.const 520))

;; Two instances made by the host of one component have calls of their own, each from zero.

(component definition $C
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (global $calls (mut i32) (i32.const 0))
    (func (export "f") (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (if (call $get) (then unreachable))
      (call $set (global.get $calls))
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set))))))
  (func (export "f") (result u32) (canon lift (core func $m "f"))))

(component instance $a $C)
(component instance $b $C)
(assert_return (invoke $a "f") (u32.const 1))
(assert_return (invoke $a "f") (u32.const 2))
(assert_return (invoke $b "f") (u32.const 1))
(assert_return (invoke $a "f") (u32.const 3))

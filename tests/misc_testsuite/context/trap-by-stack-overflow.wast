;; A stack overflow with a slot set leaves nothing behind for the next instance.

(component definition $C
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func $deeper (result i32)
      (call $set (i32.add (call $get) (i32.const 1)))
      (i32.add (call $deeper) (call $get)))
    (func (export "overflow") (result i32) (call $deeper))
    (func (export "slot") (result i32) (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set))))))
  (func (export "overflow") (result u32) (canon lift (core func $m "overflow")))
  (func (export "slot") (result u32) (canon lift (core func $m "slot"))))

(component instance $a $C)
(component instance $b $C)
(assert_exhaustion (invoke $a "overflow") "call stack exhausted")
(assert_return (invoke $b "slot") (u32.const 0))

;; A component that traps with both slots set leaves nothing behind for the next instance of the
;; same store.

(component definition $C
  (canon context.get i32 0 (core func $get0))
  (canon context.set i32 0 (core func $set0))
  (canon context.get i32 1 (core func $get1))
  (canon context.set i32 1 (core func $set1))
  (core module $M
    (import "" "get0" (func $get0 (result i32)))
    (import "" "set0" (func $set0 (param i32)))
    (import "" "get1" (func $get1 (result i32)))
    (import "" "set1" (func $set1 (param i32)))
    (func (export "trap")
      (call $set0 (i32.const -1))
      (call $set1 (i32.const -1))
      unreachable)
    (func (export "slots") (result i32) (i32.or (call $get0) (call $get1))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get0" (func $get0)) (export "set0" (func $set0))
    (export "get1" (func $get1)) (export "set1" (func $set1))))))
  (func (export "trap") (canon lift (core func $m "trap")))
  (func (export "slots") (result u32) (canon lift (core func $m "slots"))))

(component instance $a $C)
(component instance $b $C)
(assert_trap (invoke $a "trap") "unreachable")
(assert_return (invoke $b "slots") (u32.const 0))
(component instance $c $C)
(assert_return (invoke $c "slots") (u32.const 0))

;; A core start function that traps with a slot set fails the instantiation and leaves nothing
;; behind.

(assert_trap
  (component
    (canon context.set i32 0 (core func $set))
    (core module $M
      (import "" "set" (func $set (param i32)))
      (func $start (call $set (i32.const -1)) unreachable)
      (start $start))
    (core instance $m (instantiate $M (with "" (instance (export "set" (func $set)))))))
  "unreachable")

(component
  (canon context.get i32 0 (core func $get))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (func (export "slot") (result i32) (call $get)))
  (core instance $m (instantiate $M (with "" (instance (export "get" (func $get))))))
  (func (export "slot") (result u32) (canon lift (core func $m "slot"))))

(assert_return (invoke "slot") (u32.const 0))

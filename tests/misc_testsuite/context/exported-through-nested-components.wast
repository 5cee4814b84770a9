;; A function that uses slots, exported again by component around component, still starts with
;; zeros each call.

(component
  (component $Outer
    (component $Middle
      (component $Inner
        (canon context.get i32 0 (core func $get))
        (canon context.set i32 0 (core func $set))
        (core module $M
          (import "" "get" (func $get (result i32)))
          (import "" "set" (func $set (param i32)))
          (func (export "f") (param i32) (result i32)
            (if (call $get) (then unreachable))
            (call $set (local.get 0))
            (call $get)))
        (core instance $m (instantiate $M (with "" (instance
          (export "get" (func $get)) (export "set" (func $set))))))
        (func (export "f") (param "value" u32) (result u32) (canon lift (core func $m "f"))))
      (instance $inner (instantiate $Inner))
      (func (export "f") (alias export $inner "f")))
    (instance $middle (instantiate $Middle))
    (func (export "f") (alias export $middle "f")))
  (instance $outer (instantiate $Outer))
  (func (export "f") (alias export $outer "f")))

(assert_return (invoke "f" (u32.const 14)) (u32.const 14))
(assert_return (invoke "f" (u32.const 15)) (u32.const 15))

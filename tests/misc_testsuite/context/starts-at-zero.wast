;; Both slots are zero when an exported function starts.

(component
  (canon context.get i32 0 (core func $get0))
  (canon context.get i32 1 (core func $get1))
  (core module $M
    (import "" "get0" (func $get0 (result i32)))
    (import "" "get1" (func $get1 (result i32)))
    (func (export "slot0") (result i32) (call $get0))
    (func (export "slot1") (result i32) (call $get1)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get0" (func $get0))
    (export "get1" (func $get1))))))
  (func (export "slot0") (result u32) (canon lift (core func $m "slot0")))
  (func (export "slot1") (result u32) (canon lift (core func $m "slot1"))))

(assert_return (invoke "slot0") (u32.const 0))
(assert_return (invoke "slot1") (u32.const 0))

;; A core start function starts with zeros, can use the slots, and exports called later see none
;; of it.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (global $before (mut i32) (i32.const -1))
    (global $after (mut i32) (i32.const -1))
    (func $start
      (global.set $before (call $get))
      (call $set (i32.const 31))
      (global.set $after (call $get)))
    (start $start)
    (func (export "before") (result i32) (global.get $before))
    (func (export "after") (result i32) (global.get $after))
    (func (export "now") (result i32) (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set))))))
  (func (export "before") (result u32) (canon lift (core func $m "before")))
  (func (export "after") (result u32) (canon lift (core func $m "after")))
  (func (export "now") (result u32) (canon lift (core func $m "now"))))

(assert_return (invoke "before") (u32.const 0))
(assert_return (invoke "after") (u32.const 31))
(assert_return (invoke "now") (u32.const 0))

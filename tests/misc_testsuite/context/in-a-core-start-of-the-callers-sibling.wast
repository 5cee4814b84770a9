;; Two core modules of one component: what one's start function set is not there when an export
;; of the other runs.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $Starts
    (import "" "set" (func $set (param i32)))
    (func $start (call $set (i32.const 64)))
    (start $start))
  (core instance (instantiate $Starts (with "" (instance (export "set" (func $set))))))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (func (export "slot") (result i32) (call $get)))
  (core instance $m (instantiate $M (with "" (instance (export "get" (func $get))))))
  (func (export "slot") (result u32) (canon lift (core func $m "slot"))))

(assert_return (invoke "slot") (u32.const 0))

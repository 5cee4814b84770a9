;; What `post-return` leaves in the slots, the next call does not see.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func (export "f") (result i32) (call $get))
    (func (export "f-post") (param i32) (call $set (i32.const -1))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set))))))
  (func (export "f") (result u32)
    (canon lift (core func $m "f") (post-return (core func $m "f-post")))))

(assert_return (invoke "f") (u32.const 0))
(assert_return (invoke "f") (u32.const 0))

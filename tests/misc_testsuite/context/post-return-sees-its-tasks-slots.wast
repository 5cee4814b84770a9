;; `post-return` runs on its task's thread: it sees what the function left in the slots.

(component
  (canon context.get i32 0 (core func $get0))
  (canon context.set i32 0 (core func $set0))
  (canon context.get i32 1 (core func $get1))
  (canon context.set i32 1 (core func $set1))
  (core module $M
    (import "" "get0" (func $get0 (result i32)))
    (import "" "set0" (func $set0 (param i32)))
    (import "" "get1" (func $get1 (result i32)))
    (import "" "set1" (func $set1 (param i32)))
    (global $seen (mut i32) (i32.const 0))
    (func (export "f") (result i32)
      (call $set0 (i32.const 300))
      (call $set1 (i32.const 21))
      (i32.const 1))
    (func (export "f-post") (param i32)
      (global.set $seen (i32.add (call $get0) (call $get1))))
    (func (export "seen") (result i32) (global.get $seen)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get0" (func $get0)) (export "set0" (func $set0))
    (export "get1" (func $get1)) (export "set1" (func $set1))))))
  (func (export "f") (result u32)
    (canon lift (core func $m "f") (post-return (core func $m "f-post"))))
  (func (export "seen") (result u32) (canon lift (core func $m "seen"))))

(assert_return (invoke "f") (u32.const 1))
(assert_return (invoke "seen") (u32.const 321))

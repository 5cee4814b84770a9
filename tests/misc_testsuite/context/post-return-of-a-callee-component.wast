;; The callee's `post-return` sees the callee's slots, and the caller's come back after it.

(component
  (component $Callee
    (canon context.get i32 0 (core func $get))
    (canon context.set i32 0 (core func $set))
    (core module $M
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (global $seen (mut i32) (i32.const 0))
      (func (export "f") (result i32)
        (call $set (i32.add (global.get $seen) (i32.const 7)))
        (global.get $seen))
      (func (export "f-post") (param i32)
        (global.set $seen (call $get))
        (call $set (i32.const -1))))
    (core instance $m (instantiate $M (with "" (instance
      (export "get" (func $get)) (export "set" (func $set))))))
    (func (export "f") (result u32)
      (canon lift (core func $m "f") (post-return (core func $m "f-post")))))
  (component $Caller
    (import "f" (func $f (result u32)))
    (canon lower (func $f) (core func $f'))
    (canon context.get i32 0 (core func $get))
    (canon context.set i32 0 (core func $set))
    (core module $M
      (import "" "f" (func $f (result i32)))
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (func (export "run") (result i32)
        (call $set (i32.const 1000))
        (drop (call $f))
        (i32.add (call $get) (call $f))))
    (core instance $m (instantiate $M (with "" (instance
      (export "f" (func $f'))
      (export "get" (func $get)) (export "set" (func $set))))))
    (func (export "run") (result u32) (canon lift (core func $m "run"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "f" (func $callee "f"))))
  (func (export "run") (alias export $caller "run")))

(assert_return (invoke "run") (u32.const 1007))

;; A get as the last thing a function does, by falling off its end, by `return` and by a branch
;; out of it.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func $end (result i32) (call $get))
    (func $return (result i32) (return (call $get)))
    (func $branch (result i32) (br 0 (call $get)))
    (func $store (param i32) (call $set (local.get 0)))
    (func (export "run") (result i32)
      (call $store (i32.const 4))
      (i32.add (i32.add (call $end) (call $return)) (call $branch))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set))))))
  (func (export "run") (result u32) (canon lift (core func $m "run"))))

(assert_return (invoke "run") (u32.const 12))

;; A call within a core module is no new thread: the callee sees its caller's slots and what it
;; sets stays.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func $double (call $set (i32.mul (call $get) (i32.const 2))))
    (func $nothing)
    (func (export "run") (param i32) (result i32)
      (call $set (local.get 0))
      (call $nothing)
      (call $double)
      (call $double)
      (call $nothing)
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get))
    (export "set" (func $set))))))
  (func (export "run") (param "value" u32) (result u32) (canon lift (core func $m "run"))))

(assert_return (invoke "run" (u32.const 5)) (u32.const 20))

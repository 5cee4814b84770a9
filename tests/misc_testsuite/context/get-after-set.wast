;; A get gives what the set before it stored.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func (export "echo") (param i32) (result i32)
      (call $set (local.get 0))
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get))
    (export "set" (func $set))))))
  (func (export "echo") (param "value" u32) (result u32)
    (canon lift (core func $m "echo"))))

(assert_return (invoke "echo" (u32.const 0)) (u32.const 0))
(assert_return (invoke "echo" (u32.const 1)) (u32.const 1))
(assert_return (invoke "echo" (u32.const 0x80000000)) (u32.const 0x80000000))
(assert_return (invoke "echo" (u32.const 0xffffffff)) (u32.const 0xffffffff))

;; `realloc`, called for a string argument, is a thread of its own: its slots are zero.

(component
  (canon context.get i32 0 (core func $get0))
  (canon context.get i32 1 (core func $get1))
  (core module $M
    (import "" "get0" (func $get0 (result i32)))
    (import "" "get1" (func $get1 (result i32)))
    (memory (export "memory") 1)
    (global $seen (mut i32) (i32.const -1))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $seen (i32.or (call $get0) (call $get1)))
      (i32.const 1024))
    (func (export "take") (param i32 i32) (result i32) (global.get $seen)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get0" (func $get0)) (export "get1" (func $get1))))))
  (func (export "take") (param "text" string) (result u32)
    (canon lift (core func $m "take")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))

(assert_return (invoke "take" (str.const "slots")) (u32.const 0))
(assert_return (invoke "take" (str.const "slots")) (u32.const 0))

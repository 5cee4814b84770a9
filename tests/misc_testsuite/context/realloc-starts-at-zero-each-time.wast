;; Two strings make two calls of `realloc`: the second does not see what the first one set.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (memory (export "memory") 1)
    (global $calls (mut i32) (i32.const 0))
    (global $seen (mut i32) (i32.const 0))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (global.set $seen (i32.or (global.get $seen) (call $get)))
      (call $set (i32.const -1))
      (i32.mul (global.get $calls) (i32.const 1024)))
    (func (export "calls") (param i32 i32 i32 i32) (result i32) (global.get $calls))
    (func (export "seen") (result i32) (global.get $seen)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set))))))
  (func (export "calls") (param "a" string) (param "b" string) (result u32)
    (canon lift (core func $m "calls")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (func (export "seen") (result u32) (canon lift (core func $m "seen"))))

(assert_return (invoke "calls" (str.const "one") (str.const "two")) (u32.const 2))
(assert_return (invoke "seen") (u32.const 0))

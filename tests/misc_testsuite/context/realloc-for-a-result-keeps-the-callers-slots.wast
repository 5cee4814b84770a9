;; A result that arrives as a string makes the caller's own `realloc` run while the caller has
;; its slots in use: it starts with zeros, and what it sets is gone when the caller goes on.

(component
  (component $Callee
    (core module $M
      (memory (export "memory") 1)
      (data (i32.const 64) "hello")
      (func (export "greet") (result i32)
        (i32.store (i32.const 8) (i32.const 64))
        (i32.store (i32.const 12) (i32.const 5))
        (i32.const 8)))
    (core instance $m (instantiate $M))
    (func (export "greet") (result string)
      (canon lift (core func $m "greet") (memory (core memory $m "memory")))))
  (component $Caller
    (import "greet" (func $greet (result string)))
    (canon context.get i32 0 (core func $get))
    (canon context.set i32 0 (core func $set))
    (core module $Allocator
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (memory (export "memory") 1)
      (global $seen (export "seen") (mut i32) (i32.const -1))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (global.set $seen (call $get))
        (call $set (i32.const -1))
        (i32.const 4096)))
    (core instance $allocator (instantiate $Allocator (with "" (instance
      (export "get" (func $get)) (export "set" (func $set))))))
    (canon lower (func $greet)
      (memory (core memory $allocator "memory"))
      (realloc (core func $allocator "realloc"))
      (core func $greet'))
    (core module $M
      (import "" "greet" (func $greet (param i32)))
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (import "allocator" "memory" (memory 1))
      (import "allocator" "seen" (global $seen (mut i32)))
      (func (export "run") (result i32)
        (call $set (i32.const 60000))
        (call $greet (i32.const 16))
        (if (global.get $seen) (then unreachable))
        (if (i32.ne (i32.load (i32.const 16)) (i32.const 4096)) (then unreachable))
        (if (i32.ne (i32.load8_u (i32.const 4100)) (i32.const 0x6f)) (then unreachable))
        (i32.add (call $get) (i32.load (i32.const 20)))))
    (core instance $m (instantiate $M
      (with "" (instance
        (export "greet" (func $greet'))
        (export "get" (func $get)) (export "set" (func $set))))
      (with "allocator" (instance $allocator))))
    (func (export "run") (result u32) (canon lift (core func $m "run"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "greet" (func $callee "greet"))))
  (func (export "run") (alias export $caller "run")))

(assert_return (invoke "run") (u32.const 60005))

;; What one instance exports, a core module and functions, another imports: the function is called
;; through the host, the module is instantiated anew.

(component
  (core module $counter (export "counter")
    (global $n (mut i32) (i32.const 0))
    (func (export "next") (result i32)
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (global.get $n)))
  (core instance $c (instantiate $counter))
  (func (export "next") (result u32) (canon lift (core func $c "next"))))
(register "a:b/counters@1.4.0")

(component $user
  (import "a:b/counters@1.2.0" (instance $i
    (export "next" (func (result u32)))
    (export "counter" (core module (export "next" (func (result i32)))))))
  (alias export $i "counter" (core module $counter))
  (core instance $own (instantiate $counter))
  (core func $next (canon lower (func $i "next")))
  (core module $m
    (import "" "next" (func $next (result i32)))
    (func (export "next") (result i32) (call $next)))
  (core instance $m (instantiate $m (with "" (instance (export "next" (func $next))))))
  (func (export "theirs") (result u32) (canon lift (core func $m "next")))
  (func (export "own") (result u32) (canon lift (core func $own "next"))))

(assert_return (invoke "theirs") (u32.const 1))
(assert_return (invoke "theirs") (u32.const 2))
(assert_return (invoke "own") (u32.const 1))

(assert_unlinkable
  (component
    (import "a:b/counters@1.4.0" (instance
      (export "counter" (core module (export "next" (func (param i32) (result i32))))))))
  "its export `next`: expected `func (i32) -> (i32)`, found `func () -> (i32)`")

(assert_unlinkable
  (component
    (import "a:b/counters@1.4.0" (instance (export "next" (func (result u64))))))
  "expected `u64`, found `u32`")

(assert_unlinkable
  (component (import "a:b/counters@2.0.0" (instance (export "next" (func (result u32))))))
  "which the linker does not define")

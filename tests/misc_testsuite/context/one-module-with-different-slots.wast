;; A module instantiated twice, with different slots for the same imports: what the import is
;; can't be known when the module is compiled.

(component
  (canon context.get i32 0 (core func $get0))
  (canon context.set i32 0 (core func $set0))
  (canon context.get i32 1 (core func $get1))
  (canon context.set i32 1 (core func $set1))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func (export "get") (result i32) (call $get))
    (func (export "set") (param i32) (call $set (local.get 0))))
  (core instance $a (instantiate $M (with "" (instance
    (export "get" (func $get0)) (export "set" (func $set0))))))
  (core instance $b (instantiate $M (with "" (instance
    (export "get" (func $get1)) (export "set" (func $set1))))))
  (core module $Main
    (import "a" "get" (func $a.get (result i32)))
    (import "a" "set" (func $a.set (param i32)))
    (import "b" "get" (func $b.get (result i32)))
    (import "b" "set" (func $b.set (param i32)))
    (import "" "get0" (func $get0 (result i32)))
    (import "" "get1" (func $get1 (result i32)))
    (func (export "run") (result i32)
      (call $a.set (i32.const 1000))
      (call $b.set (i32.const 200))
      (if (i32.ne (call $get0) (i32.const 1000)) (then unreachable))
      (if (i32.ne (call $get1) (i32.const 200)) (then unreachable))
      (i32.sub (call $a.get) (call $b.get))))
  (core instance $main (instantiate $Main
    (with "a" (instance $a))
    (with "b" (instance $b))
    (with "" (instance (export "get0" (func $get0)) (export "get1" (func $get1))))))
  (func (export "run") (result u32) (canon lift (core func $main "run"))))

(assert_return (invoke "run") (u32.const 800))
(assert_return (invoke "run") (u32.const 800))

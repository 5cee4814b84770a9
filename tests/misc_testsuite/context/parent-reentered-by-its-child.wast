;; A parent's export called by the child that the parent is calling is another thread of the
;; same component: it starts with zeros, and the outer call keeps its slots.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $Back
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func (export "back") (result i32)
      (call $get)
      (call $set (i32.const 99))))
  (core instance $back (instantiate $Back (with "" (instance
    (export "get" (func $get)) (export "set" (func $set))))))
  (func $back (result u32) (canon lift (core func $back "back")))

  (component $Child
    (import "back" (func $back (result u32)))
    (canon lower (func $back) (core func $back'))
    (core module $M
      (import "" "back" (func $back (result i32)))
      (func (export "go") (result i32) (i32.add (call $back) (call $back))))
    (core instance $m (instantiate $M (with "" (instance (export "back" (func $back'))))))
    (func (export "go") (result u32) (canon lift (core func $m "go"))))
  (instance $child (instantiate $Child (with "back" (func $back))))

  (canon lower (func $child "go") (core func $go))
  (core module $M
    (import "" "go" (func $go (result i32)))
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func (export "run") (result i32)
      (call $set (i32.const 5))
      (i32.add (i32.mul (call $go) (i32.const 1000)) (call $get))))
  (core instance $m (instantiate $M (with "" (instance
    (export "go" (func $go))
    (export "get" (func $get)) (export "set" (func $set))))))
  (func (export "run") (result u32) (canon lift (core func $m "run"))))

(assert_return (invoke "run") (u32.const 5))

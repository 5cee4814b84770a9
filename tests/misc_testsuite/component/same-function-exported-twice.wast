;; A function may be exported under two names, and an instance re-exported.

(component
  (core module $M (func (export "f") (result i32) (i32.const 8)))
  (core instance $m (instantiate $M))
  (func $f (result u32) (canon lift (core func $m "f")))
  (instance $i (export "inner" (func $f)))
  (export "a" (func $f))
  (export "b" (func $f))
  (export "i" (instance $i)))

(assert_return (invoke "a") (u32.const 8))
(assert_return (invoke "b") (u32.const 8))

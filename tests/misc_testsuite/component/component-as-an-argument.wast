;; A component passed as an argument is instantiated by the one it is passed to.

(component
  (component $Two
    (core module $M (func (export "f") (result i32) (i32.const 2)))
    (core instance $m (instantiate $M))
    (func (export "f") (result u32) (canon lift (core func $m "f"))))
  (component $Twice
    (import "c" (component $C (export "f" (func (result u32)))))
    (instance $a (instantiate $C))
    (instance $b (instantiate $C))
    (canon lower (func $a "f") (core func $a))
    (canon lower (func $b "f") (core func $b))
    (core module $M
      (import "" "a" (func $a (result i32)))
      (import "" "b" (func $b (result i32)))
      (func (export "f") (result i32) (i32.mul (call $a) (i32.add (call $b) (i32.const 1)))))
    (core instance $m (instantiate $M (with "" (instance
      (export "a" (func $a)) (export "b" (func $b))))))
    (func (export "f") (result u32) (canon lift (core func $m "f"))))
  (instance $twice (instantiate $Twice (with "c" (component $Two))))
  (func (export "f") (alias export $twice "f")))

(assert_return (invoke "f") (u32.const 6))

;; A core module passed as an argument is instantiated by the component it is passed to.

(component
  (core module $Five (func (export "f") (result i32) (i32.const 5)))
  (component $C
    (import "m" (core module $M (export "f" (func (result i32)))))
    (core instance $m (instantiate $M))
    (func (export "f") (result u32) (canon lift (core func $m "f"))))
  (instance $c (instantiate $C (with "m" (core module $Five))))
  (func (export "f") (alias export $c "f")))

(assert_return (invoke "f") (u32.const 5))

;; After a trap the instance can't be entered again; another instance can.

(component definition $C
  (core module $M
    (func (export "trap") unreachable)
    (func (export "one") (result i32) (i32.const 1)))
  (core instance $m (instantiate $M))
  (func (export "trap") (canon lift (core func $m "trap")))
  (func (export "one") (result u32) (canon lift (core func $m "one"))))

(component instance $a $C)
(component instance $b $C)
(assert_return (invoke $a "one") (u32.const 1))
(assert_trap (invoke $a "trap") "unreachable")
(assert_trap (invoke $a "one") "cannot enter component instance")
(assert_return (invoke $b "one") (u32.const 1))

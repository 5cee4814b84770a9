;; A trap in `post-return` is the call's trap.

(component
  (core module $M
    (func (export "f") (result i32) (i32.const 1))
    (func (export "f-post") (param i32) unreachable))
  (core instance $m (instantiate $M))
  (func (export "f") (result u32)
    (canon lift (core func $m "f") (post-return (core func $m "f-post")))))

(assert_trap (invoke "f") "unreachable")

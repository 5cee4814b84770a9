;; Endless recursion is a trap, and the instance can be called again after it.

(module
  (func $direct (export "direct") (call $direct))
  (table funcref (elem $indirect))
  (func $indirect (export "indirect") (result i32)
    (i32.add (call_indirect (result i32) (i32.const 0)) (i32.const 1)))
  (func (export "fine") (result i32) (i32.const 3)))

(assert_exhaustion (invoke "direct") "call stack exhausted")
(assert_return (invoke "fine") (i32.const 3))
(assert_exhaustion (invoke "indirect") "call stack exhausted")
(assert_return (invoke "fine") (i32.const 3))

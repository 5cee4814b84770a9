;; A start function that traps fails the instantiation, but what it wrote to imports stays.

(module $memory (memory (export "memory") 1)
  (func (export "load") (result i32) (i32.load8_u (i32.const 0))))
(register "memory" $memory)
(assert_trap
  (module
    (import "memory" "memory" (memory 1))
    (func $start (i32.store8 (i32.const 0) (i32.const 9)) unreachable)
    (start $start))
  "unreachable")
(assert_return (invoke $memory "load") (i32.const 9))

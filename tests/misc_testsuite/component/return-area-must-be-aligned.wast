;; The pointer to a string result is aligned to four bytes, or it traps.

(component
  (core module $M
    (memory (export "memory") 1)
    (func (export "f") (result i32) (i32.const 2)))
  (core instance $m (instantiate $M))
  (func (export "f") (result string)
    (canon lift (core func $m "f") (memory (core memory $m "memory")))))

(assert_trap (invoke "f") "unaligned pointer")

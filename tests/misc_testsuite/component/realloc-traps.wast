;; A trap in `realloc` is the call's trap, and locks the instance.

(component
  (core module $M
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.div_u (i32.const 1) (i32.const 0)))
    (func (export "take") (param i32 i32)))
  (core instance $m (instantiate $M))
  (func (export "take") (param "text" string)
    (canon lift (core func $m "take")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))

(assert_trap (invoke "take" (str.const "text")) "integer divide by zero")
(assert_trap (invoke "take" (str.const "text")) "cannot enter component instance")

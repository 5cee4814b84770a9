;; Lifting a function of the wrong core type, or without what its types need, is invalid.

(assert_invalid
  (component
    (core module $M (func (export "f") (result i64) (i64.const 0)))
    (core instance $m (instantiate $M))
    (func (export "f") (result u32) (canon lift (core func $m "f"))))
  "lowered result types")
(assert_invalid
  (component
    (core module $M (func (export "f") (param i32 i32)))
    (core instance $m (instantiate $M))
    (func (export "f") (param "text" string) (canon lift (core func $m "f"))))
  "canonical option `memory` is required")
(assert_invalid
  (component
    (core module $M (memory (export "memory") 1) (func (export "f") (param i32 i32)))
    (core instance $m (instantiate $M))
    (func (export "f") (param "text" string)
      (canon lift (core func $m "f") (memory (core memory $m "memory")))))
  "canonical option `realloc` is required")

;; Loads and stores trap at the first byte past the memory's end, and not before.

(module
  (memory 1)
  (func (export "load8") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "load64") (param i32) (result i64) (i64.load (local.get 0)))
  (func (export "offset") (param i32) (result i32)
    (i32.load8_u offset=0xffffffff (local.get 0)))
  (func (export "store") (param i32) (i32.store (local.get 0) (i32.const -1))))

(assert_return (invoke "load8" (i32.const 65535)) (i32.const 0))
(assert_trap (invoke "load8" (i32.const 65536)) "out of bounds memory access")
(assert_trap (invoke "load8" (i32.const -1)) "out of bounds memory access")
(assert_return (invoke "load64" (i32.const 65528)) (i64.const 0))
(assert_trap (invoke "load64" (i32.const 65529)) "out of bounds memory access")
(assert_trap (invoke "offset" (i32.const 0)) "out of bounds memory access")
(assert_trap (invoke "offset" (i32.const -1)) "out of bounds memory access")
(assert_trap (invoke "store" (i32.const 65533)) "out of bounds memory access")
;; A store that traps stores nothing.
(assert_return (invoke "load8" (i32.const 65535)) (i32.const 0))

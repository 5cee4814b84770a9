;; A shared memory that one thread grows has grown for the other, to the maximum and no further.

(module $m
  (memory (export "memory") 1 3 shared)
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))

(assert_trap (invoke "load" (i32.const 65536)) "out of bounds memory access")

(thread $t (shared (module $m))
  (register "m" $m)
  (module
    (memory (import "m" "memory") 1 3 shared)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1))))
  (assert_return (invoke "grow" (i32.const 1)) (i32.const 1))
  (assert_return (invoke "grow" (i32.const 2)) (i32.const -1))
  (invoke "store" (i32.const 131068) (i32.const 7)))
(wait $t)

(assert_return (invoke "size") (i32.const 2))
(assert_return (invoke "load" (i32.const 131068)) (i32.const 7))
(assert_return (invoke "grow" (i32.const 1)) (i32.const 2))
(assert_return (invoke "grow" (i32.const 1)) (i32.const -1))
(assert_return (invoke "size") (i32.const 3))

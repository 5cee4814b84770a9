;; Atomics work on a memory that is not shared. Waiting there traps, and nobody is ever notified.

(module
  (memory 1)
  (func (export "add") (param i32 i32) (result i32)
    (i32.atomic.rmw.add (local.get 0) (local.get 1)))
  (func (export "wait") (result i32)
    (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0)))
  (func (export "notify") (param i32) (result i32)
    (memory.atomic.notify (local.get 0) (i32.const 1))))

(assert_return (invoke "add" (i32.const 4) (i32.const 3)) (i32.const 0))
(assert_return (invoke "add" (i32.const 4) (i32.const 3)) (i32.const 3))
(assert_trap (invoke "wait") "expected shared memory")
(assert_return (invoke "notify" (i32.const 0)) (i32.const 0))
(assert_trap (invoke "notify" (i32.const 1)) "unaligned atomic")
(assert_trap (invoke "notify" (i32.const 65536)) "out of bounds memory access")

;; A wait that nobody notifies ends by its time-out; one for another value at once.

(module
  (memory 1 1 shared)
  (data (i32.const 8) "\01\00\00\00\00\00\00\80")
  (func (export "wait32") (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "wait64") (param i32 i64 i64) (result i32)
    (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "wait64+4") (param i32 i64 i64) (result i32)
    (memory.atomic.wait64 offset=4 (local.get 0) (local.get 1) (local.get 2))))

(assert_return (invoke "wait32" (i32.const 8) (i32.const 1) (i64.const 0)) (i32.const 2))
(assert_return (invoke "wait32" (i32.const 8) (i32.const 1) (i64.const 1000)) (i32.const 2))
(assert_return (invoke "wait32" (i32.const 8) (i32.const 2) (i64.const -1)) (i32.const 1))
(assert_return (invoke "wait64" (i32.const 8) (i64.const 0x8000000000000001) (i64.const 1000)) (i32.const 2))
(assert_return (invoke "wait64" (i32.const 8) (i64.const 1) (i64.const -1)) (i32.const 1))
(assert_return (invoke "wait64+4" (i32.const 4) (i64.const 1) (i64.const -1)) (i32.const 1))
(assert_trap (invoke "wait32" (i32.const 2) (i32.const 0) (i64.const 0)) "unaligned atomic")
(assert_trap (invoke "wait64" (i32.const 4) (i64.const 0) (i64.const 0)) "unaligned atomic")
(assert_trap (invoke "wait64+4" (i32.const 0) (i64.const 0) (i64.const 0)) "unaligned atomic")
(assert_trap (invoke "wait32" (i32.const 65536) (i32.const 0) (i64.const 0)) "out of bounds memory access")
(assert_trap (invoke "wait64+4" (i32.const 0xfffffffc) (i64.const 0) (i64.const 0)) "out of bounds memory access")

;; Atomic accesses to a 64-bit shared memory: addresses don't wrap, constant ones are folded and still
;; checked for alignment, and all the memory may become is reserved.

(module
  (memory i64 1 0x20000 shared)
  (func (export "rmw") (param i64) (result i32) (i32.atomic.rmw.add offset=4 (local.get 0) (i32.const 5)))
  (func (export "load") (param i64) (result i64) (i64.atomic.load (local.get 0)))
  (func (export "const") (result i32) (i32.atomic.rmw.add offset=4 (i64.const 8) (i32.const 5)))
  (func (export "constbad") (result i32) (i32.atomic.rmw.add offset=2 (i64.const 8) (i32.const 5)))
  (func (export "notify") (param i64) (result i32) (memory.atomic.notify offset=8 (local.get 0) (i32.const 1)))
  (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0))))
(assert_return (invoke "rmw" (i64.const 0)) (i32.const 0))
(assert_return (invoke "rmw" (i64.const 0)) (i32.const 5))
(assert_return (invoke "const") (i32.const 0))
(assert_trap (invoke "constbad") "unaligned atomic")
(assert_trap (invoke "rmw" (i64.const -4)) "out of bounds memory access")
(assert_trap (invoke "rmw" (i64.const 0xfffc)) "out of bounds memory access")
(assert_trap (invoke "notify" (i64.const -8)) "out of bounds memory access")
(assert_return (invoke "notify" (i64.const 8)) (i32.const 0))
(assert_return (invoke "grow" (i64.const 0x1ffff)) (i64.const 1))
(assert_return (invoke "load" (i64.const 0x1_ffff_fff8)) (i64.const 0))
(assert_trap (invoke "load" (i64.const 0x2_0000_0000)) "out of bounds memory access")
(assert_unlinkable
  (module (memory i64 1 0xffff_ffff_ffff shared))
  "bytes of address space")

;; Bulk operators take addresses in the width of their memory, and lengths in that of the
;; narrower one.

(module
  (memory $m i32 1)
  (memory $n i64 1)
  (data $d "0123456789")
  (func (export "init") (param i64 i32 i32)
    (memory.init $n $d (local.get 0) (local.get 1) (local.get 2)))
  (func (export "to 64") (param i64 i32 i32)
    (memory.copy $n $m (local.get 0) (local.get 1) (local.get 2)))
  (func (export "to 32") (param i32 i64 i32)
    (memory.copy $m $n (local.get 0) (local.get 1) (local.get 2)))
  (func (export "load m") (param i32) (result i32) (i32.load8_u $m (local.get 0)))
  (func (export "load n") (param i64) (result i32) (i32.load8_u $n (local.get 0))))

(assert_return (invoke "init" (i64.const 0xfff6) (i32.const 0) (i32.const 10)))
(assert_return (invoke "load n" (i64.const 0xffff)) (i32.const 57))
(assert_trap (invoke "init" (i64.const 0xfff7) (i32.const 0) (i32.const 10))
  "out of bounds memory access")
(assert_trap (invoke "init" (i64.const 0x1_0000_0000) (i32.const 0) (i32.const 1))
  "out of bounds memory access")
(assert_trap (invoke "init" (i64.const -1) (i32.const 0) (i32.const 2))
  "out of bounds memory access")
(assert_return (invoke "to 32" (i32.const 100) (i64.const 0xfff6) (i32.const 10)))
(assert_return (invoke "load m" (i32.const 109)) (i32.const 57))
(assert_trap (invoke "to 32" (i32.const 100) (i64.const 0x1_0000_0000) (i32.const 1))
  "out of bounds memory access")
(assert_return (invoke "to 64" (i64.const 0) (i32.const 101) (i32.const 2)))
(assert_return (invoke "load n" (i64.const 0)) (i32.const 49))
(assert_return (invoke "load n" (i64.const 2)) (i32.const 0))
;; −1 is 2³² − 1 in 32 bits.
(assert_trap (invoke "to 64" (i64.const 0) (i32.const 0) (i32.const -1))
  "out of bounds memory access")

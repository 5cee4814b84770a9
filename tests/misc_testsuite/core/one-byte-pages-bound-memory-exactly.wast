;;! proposals = { custom-page-sizes = true }

;; A memory with pages of one byte ends where it says, in the middle of a page of the system.

(module
  (memory 10 20 (pagesize 1))
  (memory $m64 i64 10 (pagesize 1))
  (data (i32.const 2) "\01\02\03\04\05\06\07\08")
  (func (export "load") (param i32) (result i64) (i64.load (local.get 0)))
  (func (export "load8 at 9") (result i32) (i32.load8_u (i32.const 9)))
  (func (export "load8 at 10") (result i32) (i32.load8_u (i32.const 10)))
  (func (export "load at 4 offset 3") (result i32) (i32.load offset=3 (i32.const 4)))
  (func (export "load offset") (param i32) (result i32) (i32.load8_u offset=8 (local.get 0)))
  (func (export "load64") (param i64) (result i32) (i32.load8_u $m64 offset=8 (local.get 0)))
  (func (export "store") (param i32) (i32.store16 (local.get 0) (i32.const -1)))
  (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))

(assert_return (invoke "load" (i32.const 2)) (i64.const 0x0807060504030201))
(assert_trap (invoke "load" (i32.const 3)) "out of bounds memory access")
(assert_trap (invoke "load" (i32.const -1)) "out of bounds memory access")
(assert_return (invoke "load8 at 9") (i32.const 8))
(assert_trap (invoke "load8 at 10") "out of bounds memory access")
(assert_trap (invoke "load at 4 offset 3") "out of bounds memory access")
(assert_return (invoke "load offset" (i32.const 1)) (i32.const 8))
(assert_trap (invoke "load offset" (i32.const 2)) "out of bounds memory access")
(assert_return (invoke "load64" (i64.const 1)) (i32.const 0))
(assert_trap (invoke "load64" (i64.const 2)) "out of bounds memory access")
(assert_trap (invoke "load64" (i64.const -8)) "out of bounds memory access")
(assert_trap (invoke "store" (i32.const 9)) "out of bounds memory access")
(assert_return (invoke "load8 at 9") (i32.const 8))
(assert_trap (invoke "fill" (i32.const 0) (i32.const 11)) "out of bounds memory access")
(assert_return (invoke "fill" (i32.const 8) (i32.const 2)))
(assert_return (invoke "load8 at 9") (i32.const 1))

;; What is added is zero.
(assert_return (invoke "grow" (i32.const 3)) (i32.const 10))
(assert_return (invoke "size") (i32.const 13))
(assert_return (invoke "load8 at 10") (i32.const 0))
(assert_return (invoke "load" (i32.const 5)) (i64.const 0x0000000101060504))
(assert_return (invoke "grow" (i32.const 8)) (i32.const -1))
(assert_return (invoke "grow" (i32.const 7)) (i32.const 13))
(assert_return (invoke "grow" (i32.const 1)) (i32.const -1))

(assert_unlinkable
  (module (import "m" "m" (memory 0)))
  "unknown import")
(module $m (memory (export "m") 65536 (pagesize 1)))
(register "m")
(assert_unlinkable
  (module (import "m" "m" (memory 1)))
  "incompatible import type")

;; A 64-bit memory grows beyond what is reserved for it, and keeps its contents when it moves.

(module
  (memory (export "memory") i64 1)
  (func (export "load") (param i64) (result i32) (i32.load8_u (local.get 0)))
  (func (export "store") (param i64 i32) (i32.store8 (local.get 0) (local.get 1)))
  (func (export "fill") (param i64 i32 i64)
    (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i64 i64 i64)
    (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  ;; The base is loaded anew after it grew.
  (func (export "grow") (param i64) (result i64) (local $old i64)
    (i32.store8 (i64.const 5) (i32.const 50))
    (local.set $old (memory.grow (local.get 0)))
    (i32.store8 (i64.const 6) (i32.load8_u (i64.const 5)))
    (local.get $old))
  (func (export "size") (result i64) (memory.size)))

(assert_return (invoke "grow" (i64.const 0x1_0000)) (i64.const 1))
(assert_return (invoke "load" (i64.const 6)) (i32.const 50))
(assert_return (invoke "store" (i64.const 0x1_0000_ffff) (i32.const 7)))
(assert_return (invoke "load" (i64.const 0x1_0000_ffff)) (i32.const 7))
(assert_return (invoke "load" (i64.const 0xffff)) (i32.const 0))
(assert_trap (invoke "load" (i64.const 0x1_0001_0000)) "out of bounds memory access")

;; Terabytes, of which a few pages are in use. Moving them takes neither memory nor time.
(assert_return (invoke "grow" (i64.const 0xff_ffff)) (i64.const 0x1_0001))
(assert_return (invoke "grow" (i64.const 0x200_0000)) (i64.const 0x101_0000))
(assert_return (invoke "size") (i64.const 0x301_0000))
(assert_return (invoke "load" (i64.const 0x1_0000_ffff)) (i32.const 7))
(assert_return (invoke "store" (i64.const 0x300_ffff_ffff) (i32.const 8)))
(assert_return (invoke "copy" (i64.const 0x200_0000_0000) (i64.const 0x300_ffff_fffc) (i64.const 4)))
(assert_return (invoke "load" (i64.const 0x200_0000_0003)) (i32.const 8))
(assert_return (invoke "fill" (i64.const 0x300_ffff_ffff) (i32.const 9) (i64.const 1)))
(assert_return (invoke "load" (i64.const 0x300_ffff_ffff)) (i32.const 9))
(assert_trap
  (invoke "fill" (i64.const 0x300_ffff_ffff) (i32.const 9) (i64.const 2))
  "out of bounds memory access")
(assert_trap
  (invoke "fill" (i64.const -1) (i32.const 9) (i64.const 2))
  "out of bounds memory access")
(assert_trap
  (invoke "copy" (i64.const 0) (i64.const -1) (i64.const -1))
  "out of bounds memory access")

;; More than there are addresses.
(assert_return (invoke "grow" (i64.const 0x1_0000_0000)) (i64.const -1))
(assert_return (invoke "load" (i64.const 0x300_ffff_ffff)) (i32.const 9))
(assert_unlinkable
  (module (memory i64 0x1_0000_0000_0000))
  "memory")

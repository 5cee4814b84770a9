;; Bulk operations on a shared memory, at offsets that make words impossible, and overlapping;
;; and from a memory that is not shared.

(module
  (memory $shared 1 1 shared)
  (memory $own 1)
  (data $d "abcdefghijklmnopqrstuvwxyz")
  (data (memory $own) (i32.const 0) "ABCDEFGHIJKLMNOP")
  (func (export "init") (param i32 i32 i32)
    (memory.init $shared $d (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32)
    (memory.copy $shared $shared (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy-own") (param i32 i32 i32)
    (memory.copy $shared $own (local.get 0) (local.get 1) (local.get 2)))
  (func (export "fill") (param i32 i32 i32)
    (memory.fill $shared (local.get 0) (local.get 1) (local.get 2)))
  (func (export "load") (param i32) (result i64) (i64.load $shared (local.get 0))))

(invoke "init" (i32.const 3) (i32.const 0) (i32.const 26))
(assert_return (invoke "load" (i32.const 3)) (i64.const 0x6867666564636261))
;; One place up, then two down.
(invoke "copy" (i32.const 4) (i32.const 3) (i32.const 20))
(assert_return (invoke "load" (i32.const 3)) (i64.const 0x6766656463626161))
(assert_return (invoke "load" (i32.const 16)) (i64.const 0x74737271706f6e6d))
(invoke "copy" (i32.const 2) (i32.const 4) (i32.const 20))
(assert_return (invoke "load" (i32.const 2)) (i64.const 0x6867666564636261))
;; Eight places up: words overlap.
(invoke "copy" (i32.const 10) (i32.const 2) (i32.const 19))
(assert_return (invoke "load" (i32.const 10)) (i64.const 0x6867666564636261))
(assert_return (invoke "load" (i32.const 18)) (i64.const 0x706f6e6d6c6b6a69))
(invoke "copy-own" (i32.const 65529) (i32.const 1) (i32.const 7))
(assert_return (invoke "load" (i32.const 65528)) (i64.const 0x4847464544434200))
(invoke "fill" (i32.const 1) (i32.const 0xee) (i32.const 18))
(assert_return (invoke "load" (i32.const 0)) (i64.const 0xeeeeeeeeeeeeee00))
(assert_return (invoke "load" (i32.const 12)) (i64.const 0x6aeeeeeeeeeeeeee))
(assert_trap (invoke "init" (i32.const 65530) (i32.const 0) (i32.const 7)) "out of bounds memory access")
(assert_trap (invoke "copy" (i32.const 65530) (i32.const 0) (i32.const 7)) "out of bounds memory access")
(assert_trap (invoke "fill" (i32.const 65530) (i32.const 0) (i32.const 7)) "out of bounds memory access")

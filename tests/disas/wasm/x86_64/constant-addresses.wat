;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "function"
;;! proposals = { custom-page-sizes = true }

;; A constant index is part of the displacement, and what is below a memory's smallest size needs no
;; check, in whatever memory.

(module
  (memory $m32 1)
  (memory $m64 i64 1)
  (memory $bytes 100 (pagesize 1))
  (func (result i32) (i32.load $m32 offset=16 (i32.const 1024)))
  (func (result i32) (i32.load $m64 offset=16 (i64.const 1024)))
  (func (result i32) (i32.load $bytes offset=16 (i32.const 80))))


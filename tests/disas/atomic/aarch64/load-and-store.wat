;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "load|store$"

;; Atomic loads and stores are sequentially consistent, and check that they are aligned before
;; anything else; the bounds are left to the guard pages, as for any access.
(module
  (memory 1 1 shared)
  (func $load (param i32) (result i32) (i32.atomic.load offset=8 (local.get 0)))
  (func $store (param i32 i64) (i64.atomic.store (local.get 0) (local.get 1))))

;; load:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: and w8, w3, #3
;;      c: cbnz w8, 0x2c
;;     10: ldr x9, [x2, #0x20]
;;     14: ldr x9, [x9]
;;     18: add x9, x9, w3, uxtw
;;     1c: add x9, x9, #8
;;     20: ldar w2, [x9]
;;     24: ldp x29, x30, [sp], #0x10
;;     28: ret
;;     2c: udf #0xc11f
;; store:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: and w7, w3, #7
;;      c: cbnz w7, 0x28
;;     10: ldr x8, [x2, #0x20]
;;     14: ldr x8, [x8]
;;     18: add x8, x8, w3, uxtw
;;     1c: stlr x4, [x8]
;;     20: ldp x29, x30, [sp], #0x10
;;     24: ret
;;     28: udf #0xc11f

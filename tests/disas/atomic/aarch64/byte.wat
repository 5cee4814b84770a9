;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "byte"

;; An access of a byte is always aligned, so nothing is checked. What is read is zero-extended.
(module
  (memory 1 1 shared)
  (func $load-byte (param i32) (result i64) (i64.atomic.load8_u (local.get 0)))
  (func $store-byte (param i32 i64) (i64.atomic.store8 (local.get 0) (local.get 1))))

;; load-byte:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldr x7, [x2, #0x20]
;;      c: ldr x7, [x7]
;;     10: add x7, x7, w3, uxtw
;;     14: ldarb w7, [x7]
;;     18: uxtb w2, w7
;;     1c: ldp x29, x30, [sp], #0x10
;;     20: ret
;; store-byte:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldr x6, [x2, #0x20]
;;      c: ldr x6, [x6]
;;     10: add x6, x6, w3, uxtw
;;     14: stlrb w4, [x6]
;;     18: ldp x29, x30, [sp], #0x10
;;     1c: ret

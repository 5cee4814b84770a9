;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "cmpxchg"

;; A compare-exchange; one that is narrower than its operands matches nothing that does not fit.
(module
  (memory 1 1 shared)
  (func $cmpxchg (param i32 i32 i32) (result i32)
    (i32.atomic.rmw.cmpxchg (local.get 0) (local.get 1) (local.get 2)))
  (func $cmpxchg-byte (param i32 i32 i32) (result i32)
    (i32.atomic.rmw8.cmpxchg_u (local.get 0) (local.get 1) (local.get 2))))

;; cmpxchg:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldur x16, [x2]
;;      c: ldur x16, [x16]
;;     10: add x16, x16, #0x30
;;     14: cmp sp, x16
;;     18: b.lo 0x70
;;     1c: str x28, [sp, #-0x10]!
;;     20: stp x26, x27, [sp, #-0x10]!
;;     24: stp x24, x25, [sp, #-0x10]!
;;     28: and w10, w3, #3
;;     2c: cbnz w10, 0x74
;;     30: ldr x11, [x2, #0x20]
;;     34: ldr x11, [x11]
;;     38: add x25, x11, w3, uxtw
;;     3c: mov x26, x4
;;     40: mov x28, x5
;;     44: ldaxr w27, [x25]
;;     48: cmp x27, x26
;;     4c: b.ne 0x58
;;     50: stlxr w24, w28, [x25]
;;     54: cbnz x24, 0x44
;;     58: mov x2, x27
;;     5c: ldp x24, x25, [sp], #0x10
;;     60: ldp x26, x27, [sp], #0x10
;;     64: ldr x28, [sp], #0x10
;;     68: ldp x29, x30, [sp], #0x10
;;     6c: ret
;;     70: udf #0xc11f
;;     74: udf #0xc11f
;; cmpxchg-byte:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldur x16, [x2]
;;      c: ldur x16, [x16]
;;     10: add x16, x16, #0x30
;;     14: cmp sp, x16
;;     18: b.lo 0x70
;;     1c: str x28, [sp, #-0x10]!
;;     20: stp x26, x27, [sp, #-0x10]!
;;     24: stp x24, x25, [sp, #-0x10]!
;;     28: ldr x12, [x2, #0x20]
;;     2c: ldr x12, [x12]
;;     30: add x25, x12, w3, uxtw
;;     34: uxtb w12, w4
;;     38: cmp w12, w4
;;     3c: csel x28, x5, x4, eq
;;     40: mov x26, x4
;;     44: ldaxrb w27, [x25]
;;     48: cmp x27, w26, uxtb
;;     4c: b.ne 0x58
;;     50: stlxrb w24, w28, [x25]
;;     54: cbnz x24, 0x44
;;     58: uxtb w2, w27
;;     5c: ldp x24, x25, [sp], #0x10
;;     60: ldp x26, x27, [sp], #0x10
;;     64: ldr x28, [sp], #0x10
;;     68: ldp x29, x30, [sp], #0x10
;;     6c: ret
;;     70: udf #0xc11f

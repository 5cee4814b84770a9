;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "add|xchg"

;; A read-modify-write is one atomic instruction where the processor has one.
(module
  (memory 1 1 shared)
  (func $add (param i32 i32) (result i32) (i32.atomic.rmw.add (local.get 0) (local.get 1)))
  (func $xchg (param i32 i32) (result i32) (i32.atomic.rmw16.xchg_u (local.get 0) (local.get 1))))

;; add:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldur x16, [x2]
;;      c: ldur x16, [x16]
;;     10: add x16, x16, #0x30
;;     14: cmp sp, x16
;;     18: b.lo 0x68
;;     1c: str x28, [sp, #-0x10]!
;;     20: stp x26, x27, [sp, #-0x10]!
;;     24: stp x24, x25, [sp, #-0x10]!
;;     28: and w10, w3, #3
;;     2c: cbnz w10, 0x6c
;;     30: ldr x11, [x2, #0x20]
;;     34: ldr x11, [x11]
;;     38: add x25, x11, w3, uxtw
;;     3c: mov x26, x4
;;     40: ldaxr w27, [x25]
;;     44: add w28, w27, w26
;;     48: stlxr w24, w28, [x25]
;;     4c: cbnz x24, 0x40
;;     50: mov x2, x27
;;     54: ldp x24, x25, [sp], #0x10
;;     58: ldp x26, x27, [sp], #0x10
;;     5c: ldr x28, [sp], #0x10
;;     60: ldp x29, x30, [sp], #0x10
;;     64: ret
;;     68: udf #0xc11f
;;     6c: udf #0xc11f
;; xchg:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldur x16, [x2]
;;      c: ldur x16, [x16]
;;     10: add x16, x16, #0x20
;;     14: cmp sp, x16
;;     18: b.lo 0x5c
;;     1c: stp x26, x27, [sp, #-0x10]!
;;     20: stp x24, x25, [sp, #-0x10]!
;;     24: and w10, w3, #1
;;     28: cbnz w10, 0x60
;;     2c: ldr x11, [x2, #0x20]
;;     30: ldr x11, [x11]
;;     34: add x25, x11, w3, uxtw
;;     38: mov x26, x4
;;     3c: ldaxrh w27, [x25]
;;     40: stlxrh w24, w26, [x25]
;;     44: cbnz x24, 0x3c
;;     48: uxth w2, w27
;;     4c: ldp x24, x25, [sp], #0x10
;;     50: ldp x26, x27, [sp], #0x10
;;     54: ldp x29, x30, [sp], #0x10
;;     58: ret
;;     5c: udf #0xc11f
;;     60: udf #0xc11f

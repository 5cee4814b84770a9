;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "fence"

;; A fence, and what it does to accesses around it: the second load is not the first.
(module
  (memory 1 1 shared)
  (func $fence (param i32) (result i32)
    (i32.load (local.get 0))
    (atomic.fence)
    (i32.load (local.get 0))
    i32.add))

;; fence:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldr x7, [x2, #0x20]
;;      c: ldr x8, [x7]
;;     10: ldr w7, [x8, w3, uxtw]
;;     14: dmb ish
;;     18: ldr w8, [x8, w3, uxtw]
;;     1c: add w2, w7, w8
;;     20: ldp x29, x30, [sp], #0x10
;;     24: ret

;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "ThreadSuspendThenResume"
;; A switch from thread to thread checks `may_leave`, records the exit and calls the host once: what
;; is to be done and its operands are in registers.

(component
  (core func (canon thread.suspend-then-resume)))
;; trampoline[0] Concurrency { builtin: Plain(ThreadSuspendThenResume), instance: cinstance0, signature: sig0 }:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: stp x19, x20, [sp, #-0x10]!
;;      c: ldr w14, [x2, #0x40]
;;     10: and w14, w14, #1
;;     14: cbz w14, 0x78
;;     18: mov x0, x29
;;     1c: ldr x15, [x2]
;;     20: str x0, [x15, #8]
;;     24: ldur x0, [x29, #8]
;;     28: str x0, [x15, #0x10]
;;     2c: ldr x19, [x2, #8]
;;     30: mov x20, x2
;;     34: ldr x5, [x19, #0xf0]
;;     38: mov w1, #0xe
;;     3c: mov w4, #0
;;     40: mov x0, x20
;;     44: mov x2, x4
;;     48: blr x5
;;     4c: mov x1, #-0x8000000000000000
;;     50: cmp x0, x1
;;     54: mov x2, x0
;;     58: b.eq 0x68
;;     5c: ldp x19, x20, [sp], #0x10
;;     60: ldp x29, x30, [sp], #0x10
;;     64: ret
;;     68: ldr x1, [x19]
;;     6c: mov x0, x20
;;     70: blr x1
;;     74: udf #0xc11f
;;     78: udf #0xc11f

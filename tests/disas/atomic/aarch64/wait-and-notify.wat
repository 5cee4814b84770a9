;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "^(wait|notify)"

;; Waiting and notifying go to the host, which checks alignment and bounds; that of 64 bits is the
;; same with another builtin.
(module
  (memory 1 1 shared)
  (func $wait (export "wait") (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 offset=8 (local.get 0) (local.get 1) (local.get 2)))
  (func $notify (export "notify") (param i32 i32) (result i32)
    (memory.atomic.notify (local.get 0) (local.get 1))))

;; wait:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldur x16, [x2]
;;      c: ldur x16, [x16]
;;     10: add x16, x16, #0x10
;;     14: cmp sp, x16
;;     18: b.lo 0x44
;;     1c: mov x12, x4
;;     20: mov w8, #0
;;     24: mov w9, w3
;;     28: add x4, x9, #8
;;     2c: mov x6, x5
;;     30: mov x5, x12
;;     34: mov x3, x8
;;     38: bl <builtin memory.atomic.wait32>
;;     3c: ldp x29, x30, [sp], #0x10
;;     40: ret
;;     44: udf #0xc11f
;; notify:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldur x16, [x2]
;;      c: ldur x16, [x16]
;;     10: add x16, x16, #0x10
;;     14: cmp sp, x16
;;     18: b.lo 0x38
;;     1c: mov x5, x4
;;     20: mov x9, x3
;;     24: mov w3, #0
;;     28: mov w4, w9
;;     2c: bl <builtin memory.atomic.notify>
;;     30: ldp x29, x30, [sp], #0x10
;;     34: ret
;;     38: udf #0xc11f

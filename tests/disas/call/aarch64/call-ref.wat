;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "call_ref"
;; A call through a typed reference looks at neither the type nor, but for the fault, at null.

(module
  (type $t (func (param i32) (result i32)))
  (func $call_ref (export "f") (param (ref null $t) i32) (result i32)
    (call_ref $t (local.get 1) (local.get 0))))
;; call_ref:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldur x16, [x2]
;;      c: ldur x16, [x16]
;;     10: add x16, x16, #0x10
;;     14: cmp sp, x16
;;     18: b.lo 0x34
;;     1c: ldr x5, [x3]
;;     20: ldr x2, [x3, #8]
;;     24: mov x3, x4
;;     28: blr x5
;;     2c: ldp x29, x30, [sp], #0x10
;;     30: ret
;;     34: udf #0xc11f

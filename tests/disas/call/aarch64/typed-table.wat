;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "typed_table"
;; A call through a table of the callee's own type compares no types.

(module
  (type $t (func (param i32) (result i32)))
  (table 4 4 (ref null $t))
  (func $typed_table (export "f") (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 1) (local.get 0))))
;; typed_table:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldur x16, [x2]
;;      c: ldur x16, [x16]
;;     10: add x16, x16, #0x10
;;     14: cmp sp, x16
;;     18: b.lo 0x50
;;     1c: mov x12, #0
;;     20: ldr x13, [x2, #0x20]
;;     24: mov w14, w3
;;     28: add x13, x13, x14, lsl #3
;;     2c: cmp w3, #4
;;     30: csel x13, x12, x13, hs
;;     34: ldr x13, [x13]
;;     38: ldr x14, [x13]
;;     3c: ldr x2, [x13, #8]
;;     40: mov x3, x4
;;     44: blr x14
;;     48: ldp x29, x30, [sp], #0x10
;;     4c: ret
;;     50: udf #0xc11f

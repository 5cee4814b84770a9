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
;;     18: b.lo 0x44
;;     1c: cmp w3, #4
;;     20: b.hs 0x48
;;     24: ldr x10, [x2, #0x20]
;;     28: ldr x10, [x10, w3, uxtw #3]
;;     2c: ldr x11, [x10]
;;     30: ldr x2, [x10, #8]
;;     34: mov x3, x4
;;     38: blr x11
;;     3c: ldp x29, x30, [sp], #0x10
;;     40: ret
;;     44: udf #0xc11f
;;     48: udf #0xc11f

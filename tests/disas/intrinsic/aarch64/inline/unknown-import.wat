;;! target = "aarch64"
;;! lowering = "inline"
;;! function = "unknown"
;; A module instantiated twice with different slots for one import really calls what it is given.

(component
  (canon context.get i32 0 (core func $get0))
  (canon context.get i32 1 (core func $get1))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (func $unknown (export "f") (result i32) (call $get)))
  (core instance (instantiate $M (with "" (instance (export "get" (func $get0))))))
  (core instance (instantiate $M (with "" (instance (export "get" (func $get1)))))))
;; M::unknown:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldur x16, [x2]
;;      c: ldur x16, [x16]
;;     10: add x16, x16, #0x10
;;     14: cmp sp, x16
;;     18: b.lo 0x30
;;     1c: ldr x4, [x2, #0x20]
;;     20: ldr x2, [x2, #0x28]
;;     24: blr x4
;;     28: ldp x29, x30, [sp], #0x10
;;     2c: ret
;;     30: udf #0xc11f

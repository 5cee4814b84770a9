;;! target = "aarch64"
;;! lowering = "inline"
;;! function = "across-store"
;; A store to linear memory cannot change a slot, so a known value stays known.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (memory 1)
    (func $across-store (export "f") (param i32 i32) (result i32)
      (call $set (local.get 0))
      (i32.store (local.get 1) (local.get 0))
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set)))))))
;; M::across-store:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldr x5, [x2, #0x18]
;;      c: str w3, [x5]
;;     10: ldr x6, [x2, #0x20]
;;     14: str w3, [x6, w4, uxtw]
;;     18: mov x2, x3
;;     1c: ldp x29, x30, [sp], #0x10
;;     20: ret

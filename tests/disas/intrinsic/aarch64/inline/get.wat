;;! target = "aarch64"
;;! lowering = "inline"
;;! function = "get-slot"
;; `context.get` alone: what a read of a slot costs.

(component
  (canon context.get i32 0 (core func $get))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (func $get-slot (export "f") (result i32) (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)))))))
;; M::get-slot:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldr x3, [x2, #0x18]
;;      c: ldr w2, [x3]
;;     10: ldp x29, x30, [sp], #0x10
;;     14: ret

;;! target = "aarch64"
;;! lowering = "inline"
;;! function = "last"
;; A set as the last thing a function does needs no frame.

(component
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "set" (func $set (param i32)))
    (func $last (export "f") (param i32 i32)
      (if (local.get 1) (then (return (call $set (local.get 1)))))
      (call $set (local.get 0))))
  (core instance $m (instantiate $M (with "" (instance
    (export "set" (func $set)))))))
;; M::last:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: cbnz w4, 0x1c
;;      c: ldr x7, [x2, #0x18]
;;     10: str w3, [x7]
;;     14: ldp x29, x30, [sp], #0x10
;;     18: ret
;;     1c: ldr x10, [x2, #0x18]
;;     20: str w4, [x10]
;;     24: ldp x29, x30, [sp], #0x10
;;     28: ret

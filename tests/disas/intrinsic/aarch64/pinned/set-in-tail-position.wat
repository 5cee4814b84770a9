;;! target = "aarch64"
;;! lowering = "pinned"
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
;;      8: cbnz w4, 0x18
;;      c: stur w3, [x2, #-0x10]
;;     10: ldp x29, x30, [sp], #0x10
;;     14: ret
;;     18: stur w4, [x2, #-0x10]
;;     1c: ldp x29, x30, [sp], #0x10
;;     20: ret

;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "set-slot"
;; `context.set` alone: what a write of a slot costs.

(component
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "set" (func $set (param i32)))
    (func $set-slot (export "f") (param i32) (call $set (local.get 0))))
  (core instance $m (instantiate $M (with "" (instance
    (export "set" (func $set)))))))
;; M::set-slot:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: stur w3, [x2, #-0x10]
;;      c: ldp x29, x30, [sp], #0x10
;;     10: ret

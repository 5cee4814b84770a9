;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "forward"
;; A get after a set is the value set, with no load.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func $forward (export "f") (param i32) (result i32)
      (call $set (local.get 0))
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set)))))))
;; M::forward:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: stur w3, [x2, #-0x10]
;;      c: mov x2, x3
;;     10: ldp x29, x30, [sp], #0x10
;;     14: ret

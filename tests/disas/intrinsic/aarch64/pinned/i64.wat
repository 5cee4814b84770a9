;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "add"
;; A slot as i64 is read and written in one access as well.

(component
  (canon context.get i64 0 (core func $get))
  (canon context.set i64 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i64)))
    (import "" "set" (func $set (param i64)))
    (func $add (export "f") (param i64)
      (call $set (i64.add (call $get) (local.get 0)))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set)))))))
;; M::add:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: mov x5, x21
;;      c: ldr x5, [x5]
;;     10: mov x6, x21
;;     14: add x5, x5, x3
;;     18: str x5, [x6]
;;     1c: ldp x29, x30, [sp], #0x10
;;     20: ret

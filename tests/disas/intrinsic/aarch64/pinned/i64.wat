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
;;      8: ldur x4, [x2, #-0x10]
;;      c: add x4, x4, x3
;;     10: stur x4, [x2, #-0x10]
;;     14: ldp x29, x30, [sp], #0x10
;;     18: ret

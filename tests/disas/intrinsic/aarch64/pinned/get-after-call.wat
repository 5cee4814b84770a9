;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "across-call"
;; A call may change a slot, so it is loaded again.

(component
  (core module $Other (func (export "call")))
  (core instance $other (instantiate $Other))
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (import "" "call" (func $call))
    (func $across-call (export "f") (param i32) (result i32)
      (call $set (local.get 0))
      (call $call)
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "call" (func $other "call"))
    (export "get" (func $get)) (export "set" (func $set)))))))
;; M::across-call:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldur x16, [x2]
;;      c: ldur x16, [x16, #0x10]
;;     10: add x16, x16, #0x10
;;     14: cmp sp, x16
;;     18: b.lo 0x3c
;;     1c: mov x6, x21
;;     20: str w3, [x6]
;;     24: ldr x2, [x2, #0x48]
;;     28: bl <Other::call>
;;     2c: mov x8, x21
;;     30: ldr w2, [x8]
;;     34: ldp x29, x30, [sp], #0x10
;;     38: ret
;;     3c: udf #0xc11f

;;! target = "aarch64"
;;! lowering = "inline"
;;! function = "across-call"
;; A call may change a slot, so it is loaded again.

(component
  (core module $Other (func (export "call") (if (i32.const 0) (then unreachable))))
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
;;      c: ldur x16, [x16]
;;     10: add x16, x16, #0x20
;;     14: cmp sp, x16
;;     18: b.lo 0x40
;;     1c: str x19, [sp, #-0x10]!
;;     20: ldr x19, [x2, #0x18]
;;     24: str w3, [x19]
;;     28: ldr x2, [x2, #0x48]
;;     2c: bl <Other::call>
;;     30: ldr w2, [x19]
;;     34: ldr x19, [sp], #0x10
;;     38: ldp x29, x30, [sp], #0x10
;;     3c: ret
;;     40: udf #0xc11f

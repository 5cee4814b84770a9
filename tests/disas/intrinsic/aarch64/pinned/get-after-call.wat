;;! target = "aarch64"
;;! lowering = "pinned"
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
;;     18: b.lo 0x48
;;     1c: str x19, [sp, #-0x10]!
;;     20: stur w3, [x2, #-0x10]
;;     24: mov x8, x2
;;     28: ldr x2, [x8, #0x48]
;;     2c: mov x19, x8
;;     30: bl <Other::call>
;;     34: mov x2, x19
;;     38: ldur w2, [x2, #-0x10]
;;     3c: ldr x19, [sp], #0x10
;;     40: ldp x29, x30, [sp], #0x10
;;     44: ret
;;     48: udf #0xc11f

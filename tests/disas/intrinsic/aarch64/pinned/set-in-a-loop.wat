;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "frames"
;; A frame taken and given back each turn of a loop: the address of the slots is loaded once.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (memory 1)
    (func $frames (export "f") (param $n i32)
      (local $frame i32)
      (loop $again
        (call $set (local.tee $frame (i32.sub (call $get) (i32.const 16))))
        (i32.store (local.get $frame) (local.get $n))
        (call $set (i32.add (local.get $frame) (i32.const 16)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set)))))))
;; M::frames:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldr x7, [x2, #0x20]
;;      c: ldur w8, [x2, #-0x10]
;;     10: sub w9, w8, #0x10
;;     14: stur w9, [x2, #-0x10]
;;     18: str w3, [x7, w9, uxtw]
;;     1c: stur w8, [x2, #-0x10]
;;     20: sub w3, w3, #1
;;     24: cbnz w3, 0xc
;;     28: ldp x29, x30, [sp], #0x10
;;     2c: ret

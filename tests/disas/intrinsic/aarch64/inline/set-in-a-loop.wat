;;! target = "aarch64"
;;! lowering = "inline"
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
;;      8: ldr x8, [x2, #0x18]
;;      c: ldr x9, [x2, #0x20]
;;     10: ldr w10, [x8]
;;     14: sub w11, w10, #0x10
;;     18: str w11, [x8]
;;     1c: str w3, [x9, w11, uxtw]
;;     20: str w10, [x8]
;;     24: sub w3, w3, #1
;;     28: cbnz w3, 0x10
;;     2c: ldp x29, x30, [sp], #0x10
;;     30: ret

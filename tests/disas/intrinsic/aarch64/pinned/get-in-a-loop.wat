;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "sum$"
;; In a loop without calls and sets nothing about the slot is loaded again each turn.

(component
  (canon context.get i32 0 (core func $get))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (func $sum (export "f") (param $n i32) (result i32)
      (local $sum i32)
      (loop $again
        (local.set $sum (i32.add (local.get $sum) (call $get)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $sum)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)))))))
;; M::sum:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: mov w2, #0
;;      c: mov x9, x21
;;     10: ldr w9, [x9]
;;     14: sub w3, w3, #1
;;     18: add w2, w2, w9
;;     1c: cbnz w3, 0xc
;;     20: ldp x29, x30, [sp], #0x10
;;     24: ret

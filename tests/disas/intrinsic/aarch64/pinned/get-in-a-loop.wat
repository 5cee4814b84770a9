;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "sum$"
;; In a loop the slot is read each turn, as a global would be, but where it is is found once.

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
;;      8: mov x9, x2
;;      c: mov w2, #0
;;     10: mov x11, x9
;;     14: ldur w9, [x11, #-0x10]
;;     18: sub w3, w3, #1
;;     1c: add w2, w2, w9
;;     20: cbnz w3, 0x14
;;     24: ldp x29, x30, [sp], #0x10
;;     28: ret

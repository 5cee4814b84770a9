;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "func.0."

;; As on x86-64: no check.

(module
  (memory 1)
  (func (param i32) (result i32) (i32.load offset=16 (local.get 0))))

;; func[0]:
;;      0: stp x29, x30, [sp, #-0x10]!
;;      4: mov x29, sp
;;      8: ldr x5, [x2, #0x20]
;;      c: add x5, x5, w3, uxtw
;;     10: ldr w2, [x5, #0x10]
;;     14: ldp x29, x30, [sp], #0x10
;;     18: ret

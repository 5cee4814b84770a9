;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "function0"
;;! proposals = { wide-arithmetic = true }

;; A product of 128 bits is one multiplication; a sum is an addition and one with carry.

(module
  (func (param i64 i64 i64 i64) (result i64 i64)
    (i64.add128
      (i64.mul_wide_u (local.get 0) (local.get 1))
      (local.get 2) (local.get 3))))


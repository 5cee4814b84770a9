;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "function0"

;; The index alone is compared with the length; where it is in bounds and the access isn't, the
;; guard faults.

(module
  (memory i64 1)
  (func (param i64) (result i32) (i32.load offset=16 (local.get 0))))


;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "function0"

;; An address of 32 bits and an offset within the guard can't leave the reservation: no check, the
;; offset is part of the load.

(module
  (memory 1)
  (func (param i32) (result i32) (i32.load offset=16 (local.get 0))))


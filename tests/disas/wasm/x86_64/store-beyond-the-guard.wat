;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "function0"

;; An offset larger than the guard takes a comparison of the access's end with the length.

(module
  (memory 1)
  (func (param i32 i32) (i32.store offset=0x4000000 (local.get 0) (local.get 1))))


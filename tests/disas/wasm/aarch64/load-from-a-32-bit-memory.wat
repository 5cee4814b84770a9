;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "function0"

;; As on x86-64: no check.

(module
  (memory 1)
  (func (param i32) (result i32) (i32.load offset=16 (local.get 0))))


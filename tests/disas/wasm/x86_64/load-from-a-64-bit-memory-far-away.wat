;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "function0"

;; An offset larger than the guard and the memory: the end of the access must not wrap around.

(module
  (memory i64 1)
  (func (param i64) (result i32) (i32.load offset=0x4000000 (local.get 0))))


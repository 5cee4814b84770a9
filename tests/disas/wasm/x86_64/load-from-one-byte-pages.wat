;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "function0"
;;! proposals = { custom-page-sizes = true }

;; Nothing faults at the end of such a memory, so that the end of each access is compared.

(module
  (memory 100 (pagesize 1))
  (func (param i32) (result i32) (i32.load offset=16 (local.get 0))))


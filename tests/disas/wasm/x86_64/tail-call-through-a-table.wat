;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "function0"

;; The checks of `call_indirect`, then a jump.

(module
  (type $ty (func (param i32) (result i32)))
  (table 2 2 funcref)
  (func (param i32 i32) (result i32)
    (return_call_indirect (type $ty) (local.get 0) (local.get 1))))


;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "typed_table"
;; A call through a table of the callee's own type compares no types.

(module
  (type $t (func (param i32) (result i32)))
  (table 4 4 (ref null $t))
  (func $typed_table (export "f") (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 1) (local.get 0))))

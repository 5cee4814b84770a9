;;! target = "aarch64"
;;! lowering = "pinned"
;;! function = "call_ref"
;; A call through a typed reference looks at neither the type nor, but for the fault, at null.

(module
  (type $t (func (param i32) (result i32)))
  (func $call_ref (export "f") (param (ref null $t) i32) (result i32)
    (call_ref $t (local.get 1) (local.get 0))))

;;! target = "x86_64"
;;! lowering = "pinned"
;;! consume_fuel = true
;;! function = "^f$"

;; Around a call fuel is in the store's context, where the callee finds it.
(module
  (func $g (import "" "g"))
  (func $f (export "f")
    (call $g)
    (call $g)))


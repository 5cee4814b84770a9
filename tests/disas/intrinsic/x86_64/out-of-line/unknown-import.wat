;;! target = "x86_64"
;;! lowering = "out-of-line"
;;! function = "unknown"
;; A module instantiated twice with different slots for one import really calls what it is given.

(component
  (canon context.get i32 0 (core func $get0))
  (canon context.get i32 1 (core func $get1))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (func $unknown (export "f") (result i32) (call $get)))
  (core instance (instantiate $M (with "" (instance (export "get" (func $get0))))))
  (core instance (instantiate $M (with "" (instance (export "get" (func $get1)))))))

;;! target = "x86_64"
;;! lowering = "out-of-line"
;;! function = "across-call"
;; A call may change a slot, so it is loaded again.

(component
  (core module $Other (func (export "call")))
  (core instance $other (instantiate $Other))
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (import "" "call" (func $call))
    (func $across-call (export "f") (param i32) (result i32)
      (call $set (local.get 0))
      (call $call)
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "call" (func $other "call"))
    (export "get" (func $get)) (export "set" (func $set)))))))

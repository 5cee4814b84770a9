;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "caller"

;; Where a module of the binary has a tag, an exception may come to an adapter, whose frame then is
;; the barrier that it doesn't pass: so the adapter isn't inlined.

(component
  (component $Callee
    (core module $M (tag) (func (export "f") (param i32) (result i32) (local.get 0)))
    (core instance $m (instantiate $M))
    (func (export "f") (param "c" char) (result u32) (canon lift (core func $m "f"))))
  (component $Caller
    (import "f" (func $f (param "c" char) (result u32)))
    (core func $f' (canon lower (func $f)))
    (core module $M
      (import "" "f" (func $f (param i32) (result i32)))
      (func $caller (export "run") (param i32) (result i32) (call $f (local.get 0))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f')))))))
  (instance $callee (instantiate $Callee))
  (instance (instantiate $Caller (with "f" (func $callee "f")))))

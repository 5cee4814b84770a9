;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "caller"
;; A call between components with scalars that are what they are on both sides costs what a call
;; from module to module does: there is no adapter.

(component
  (component $Callee
    (core module $M (func $add (export "f") (param i32 i32) (result i32)
      (i32.add (local.get 0) (local.get 1))))
    (core instance $m (instantiate $M))
    (func (export "f") (param "a" u32) (param "b" u32) (result u32)
      (canon lift (core func $m "f"))))
  (component $Caller
    (import "f" (func $f (param "a" u32) (param "b" u32) (result u32)))
    (core func $f' (canon lower (func $f)))
    (core module $M
      (import "" "f" (func $f (param i32 i32) (result i32)))
      (func $caller (export "run") (param i32) (result i32)
        (call $f (local.get 0) (i32.const 2))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f')))))))
  (instance $callee (instantiate $Callee))
  (instance (instantiate $Caller (with "f" (func $callee "f")))))

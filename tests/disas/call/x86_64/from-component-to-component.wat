;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "caller"

;; A call of a small function of another component is its code, on that component's memory.

(component
  (component $Callee
    (core module $M
      (memory 1)
      (func (export "f") (param i32) (result i32) (i32.load offset=8 (local.get 0))))
    (core instance $m (instantiate $M))
    (func (export "f") (param "a" u32) (result u32) (canon lift (core func $m "f"))))
  (component $Caller
    (import "f" (func $f (param "a" u32) (result u32)))
    (core func $f' (canon lower (func $f)))
    (core module $M
      (import "" "f" (func $f (param i32) (result i32)))
      (func $caller (export "run") (param i32) (result i32)
        (i32.add (call $f (local.get 0)) (call $f (i32.const 2)))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f')))))))
  (instance $callee (instantiate $Callee))
  (instance (instantiate $Caller (with "f" (func $callee "f")))))

;; A component may not be left while its `realloc` runs.

(component
  (component $Callee
    (core module $M (func (export "f")))
    (core instance $m (instantiate $M))
    (func (export "f") (canon lift (core func $m "f"))))
  (component $Caller
    (import "f" (func $f))
    (canon lower (func $f) (core func $f'))
    (core module $M
      (import "" "f" (func $f))
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (call $f)
        (i32.const 64))
      (func (export "take") (param i32 i32)))
    (core instance $m (instantiate $M (with "" (instance (export "f" (func $f'))))))
    (func (export "take") (param "text" string)
      (canon lift (core func $m "take")
        (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "f" (func $callee "f"))))
  (func (export "take") (alias export $caller "take")))

(assert_trap (invoke "take" (str.const "text")) "cannot leave component instance")

;; A component may not be left while its `post-return` runs.

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
      (func (export "run") (call $f))
      (func (export "run-post") (call $f)))
    (core instance $m (instantiate $M (with "" (instance (export "f" (func $f'))))))
    (func (export "run")
      (canon lift (core func $m "run") (post-return (core func $m "run-post")))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "f" (func $callee "f"))))
  (func (export "run") (alias export $caller "run")))

(assert_trap (invoke "run") "cannot leave component instance")

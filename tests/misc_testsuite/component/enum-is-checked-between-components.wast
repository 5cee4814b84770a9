;; A component that passes a discriminant that names no case to another traps.

(component definition $C
  (component $Callee
    (core module $M
      (func (export "id") (param i32) (result i32) (local.get 0)))
    (core instance $m (instantiate $M))
    (type $e' (enum "no" "yes"))
    (export $e "e" (type $e'))
    (func (export "take") (param "v" $e) (result u32) (canon lift (core func $m "id"))))
  (component $Caller
    (type $e' (enum "no" "yes"))
    (import "e" (type $e (eq $e')))
    (import "take" (func $take (param "v" $e) (result u32)))
    (canon lower (func $take) (core func $take'))
    (core module $M
      (import "" "take" (func $take (param i32) (result i32)))
      (func (export "run") (param i32) (result i32) (call $take (local.get 0))))
    (core instance $m (instantiate $M (with "" (instance (export "take" (func $take'))))))
    (func (export "run") (param "v" u32) (result u32) (canon lift (core func $m "run"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller
    (with "e" (type $callee "e"))
    (with "take" (func $callee "take"))))
  (func (export "run") (alias export $caller "run")))

(component instance $a $C)
(assert_return (invoke "run" (u32.const 0)) (u32.const 0))
(assert_return (invoke "run" (u32.const 1)) (u32.const 1))
(assert_trap (invoke "run" (u32.const 2)) "discriminant")

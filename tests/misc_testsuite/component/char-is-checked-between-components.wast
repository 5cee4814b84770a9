;; A component that passes something else than a scalar value for a char to another traps.

(component definition $C
  (component $Callee
    (core module $M
      (func (export "id") (param i32) (result i32) (local.get 0)))
    (core instance $m (instantiate $M))
    (func (export "take") (param "v" char) (result u32) (canon lift (core func $m "id"))))
  (component $Caller
    (import "take" (func $take (param "v" char) (result u32)))
    (canon lower (func $take) (core func $take'))
    (core module $M
      (import "" "take" (func $take (param i32) (result i32)))
      (func (export "run") (param i32) (result i32) (call $take (local.get 0))))
    (core instance $m (instantiate $M (with "" (instance (export "take" (func $take'))))))
    (func (export "run") (param "v" u32) (result u32) (canon lift (core func $m "run"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "take" (func $callee "take"))))
  (func (export "run") (alias export $caller "run")))

(component instance $a $C)
(assert_return (invoke "run" (u32.const 0x61)) (u32.const 0x61))
(assert_return (invoke "run" (u32.const 0x10ffff)) (u32.const 0x10ffff))
(assert_trap (invoke "run" (u32.const 0xdc00)) "invalid `char` bit pattern")
(component instance $b $C)
(assert_trap (invoke "run" (u32.const 0x200000)) "invalid `char` bit pattern")

;; Lifting a bool takes zero for false and anything else for true; lowering gives 0 or 1, also
;; from one component to another.

(component
  (component $Callee
    (core module $M
      (func (export "id") (param i32) (result i32) (local.get 0)))
    (core instance $m (instantiate $M))
    (func (export "from-bool") (param "v" bool) (result u32) (canon lift (core func $m "id"))))
  (component $Caller
    (import "from-bool" (func $from-bool (param "v" bool) (result u32)))
    (canon lower (func $from-bool) (core func $from-bool'))
    (core module $M
      (import "" "from-bool" (func $from-bool (param i32) (result i32)))
      (func (export "normalise") (param i32) (result i32) (call $from-bool (local.get 0)))
      (func (export "id") (param i32) (result i32) (local.get 0)))
    (core instance $m (instantiate $M (with "" (instance
      (export "from-bool" (func $from-bool'))))))
    (func (export "normalise") (param "v" u32) (result u32)
      (canon lift (core func $m "normalise")))
    (func (export "to-bool") (param "v" u32) (result bool) (canon lift (core func $m "id"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "from-bool" (func $callee "from-bool"))))
  (func (export "from-bool") (alias export $callee "from-bool"))
  (func (export "to-bool") (alias export $caller "to-bool"))
  (func (export "normalise") (alias export $caller "normalise")))

(assert_return (invoke "from-bool" (bool.const true)) (u32.const 1))
(assert_return (invoke "from-bool" (bool.const false)) (u32.const 0))
(assert_return (invoke "to-bool" (u32.const 0)) (bool.const false))
(assert_return (invoke "to-bool" (u32.const 2)) (bool.const true))
(assert_return (invoke "to-bool" (u32.const 0x100)) (bool.const true))
(assert_return (invoke "normalise" (u32.const 0xffffffff)) (u32.const 1))

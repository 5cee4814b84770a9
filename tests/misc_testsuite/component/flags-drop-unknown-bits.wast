;; Flags are lifted from the bits that have labels; others are dropped, from one component to
;; another as well.

(component
  (component $Callee
    (core module $M
      (func (export "id") (param i32) (result i32) (local.get 0)))
    (core instance $m (instantiate $M))
    (type $f' (flags "read" "write" "append"))
    (export $f "f" (type $f'))
    (func (export "from-flags") (param "v" $f) (result u32) (canon lift (core func $m "id"))))
  (component $Caller
    (type $f' (flags "read" "write" "append"))
    (import "f" (type $f (eq $f')))
    (import "from-flags" (func $from-flags (param "v" $f) (result u32)))
    (canon lower (func $from-flags) (core func $from-flags'))
    (core module $M
      (import "" "from-flags" (func $from-flags (param i32) (result i32)))
      (func (export "run") (param i32) (result i32) (call $from-flags (local.get 0))))
    (core instance $m (instantiate $M (with "" (instance
      (export "from-flags" (func $from-flags'))))))
    (func (export "run") (param "v" u32) (result u32) (canon lift (core func $m "run"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller
    (with "f" (type $callee "f"))
    (with "from-flags" (func $callee "from-flags"))))
  (core module $M
    (func (export "id") (param i32) (result i32) (local.get 0)))
  (core instance $m (instantiate $M))
  (type $f' (flags "read" "write" "append"))
  (export $f "f" (type $f'))
  (func (export "to-flags") (param "v" u32) (result $f) (canon lift (core func $m "id")))
  (func (export "from-flags") (param "v" $f) (result u32) (canon lift (core func $m "id")))
  (func (export "mask") (alias export $caller "run")))

(assert_return (invoke "to-flags" (u32.const 0)) (flags.const))
(assert_return (invoke "to-flags" (u32.const 5)) (flags.const "read" "append"))
(assert_return (invoke "to-flags" (u32.const 0xfffffff8)) (flags.const))
(assert_return (invoke "from-flags" (flags.const "append" "write")) (u32.const 6))
(assert_return (invoke "mask" (u32.const 0xffffffff)) (u32.const 7))

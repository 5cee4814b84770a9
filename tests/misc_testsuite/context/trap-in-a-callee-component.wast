;; When a called component traps, host, caller and callee frames go; another instance of the
;; same store then starts with zeros, and its own calls work.

(component definition $C
  (component $Callee
    (canon context.set i32 0 (core func $set))
    (core module $M
      (import "" "set" (func $set (param i32)))
      (func (export "f") (param i32)
        (call $set (i32.const -1))
        (if (local.get 0) (then unreachable))))
    (core instance $m (instantiate $M (with "" (instance (export "set" (func $set))))))
    (func (export "f") (param "trap" bool) (canon lift (core func $m "f"))))
  (instance $callee (instantiate $Callee))
  (canon lower (func $callee "f") (core func $f))
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "f" (func $f (param i32)))
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func (export "run") (param i32) (result i32)
      (if (call $get) (then (return (i32.const 1))))
      (call $set (i32.const 6))
      (call $f (local.get 0))
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "f" (func $f))
    (export "get" (func $get)) (export "set" (func $set))))))
  (func (export "run") (param "trap" bool) (result u32) (canon lift (core func $m "run"))))

(component instance $a $C)
(component instance $b $C)
(assert_return (invoke $a "run" (bool.const false)) (u32.const 6))
(assert_trap (invoke $a "run" (bool.const true)) "unreachable")
(assert_return (invoke $b "run" (bool.const false)) (u32.const 6))
(assert_trap (invoke $b "run" (bool.const true)) "unreachable")
(component instance $c $C)
(assert_return (invoke $c "run" (bool.const false)) (u32.const 6))

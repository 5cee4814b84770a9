;; A component is entered again while it waits for what it has called: its parent gives it a function
;; that goes through a table, and puts the component's own export there. Every call is a thread of its
;; own, whose slots are zero at first, and the outer call's come back when the inner one has returned.
(component
  (core module $Shim
    (type $f (func (param i32) (result i32)))
    (table (export "t") 1 funcref)
    (func (export "f") (param i32) (result i32)
      (call_indirect (type $f) (local.get 0) (i32.const 0))))
  (core instance $shim (instantiate $Shim))
  (func $again (param "n" u32) (result u32) (canon lift (core func $shim "f")))
  (component $A
    (import "again" (func $again (param "n" u32) (result u32)))
    (core module $M
      (import "" "set" (func $set (param i32)))
      (import "" "get" (func $get (result i32)))
      (import "" "again" (func $again (param i32) (result i32)))
      (func (export "f") (param $n i32) (result i32)
        (if (call $get) (then unreachable))
        (call $set (i32.add (local.get $n) (i32.const 100)))
        (if (i32.eqz (local.get $n)) (then (return (call $get))))
        (i32.add (call $again (i32.sub (local.get $n) (i32.const 1))) (call $get))))
    (canon context.set i32 0 (core func $set))
    (canon context.get i32 0 (core func $get))
    (core func $again' (canon lower (func $again)))
    (core instance $m (instantiate $M (with "" (instance
      (export "set" (func $set)) (export "get" (func $get)) (export "again" (func $again'))))))
    (func (export "f") (param "n" u32) (result u32) (canon lift (core func $m "f"))))
  (instance $a (instantiate $A (with "again" (func $again))))
  (core func $f (canon lower (func $a "f")))
  (core module $Fill
    (import "" "t" (table 1 funcref))
    (import "" "f" (func $f (param i32) (result i32)))
    (elem (i32.const 0) func $f))
  (core instance (instantiate $Fill (with "" (instance
    (export "t" (table $shim "t")) (export "f" (func $f))))))
  (export "f" (func $a "f")))

(assert_return (invoke "f" (u32.const 0)) (u32.const 100))
(assert_return (invoke "f" (u32.const 3)) (u32.const 406))
;; Without an end, the stack comes to its end, and the instance is locked.
(assert_trap (invoke "f" (u32.const 0xffff_ffff)) "call stack exhausted")
(assert_trap (invoke "f" (u32.const 0)) "cannot enter component instance")

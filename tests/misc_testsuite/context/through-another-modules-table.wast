;; A shim module's table is filled in later by a module that imports the built-ins, as component
;; tools do it for imports that come too early.

(component
  (core module $Shim
    (type $getter (func (result i32)))
    (type $setter (func (param i32)))
    (table (export "table") 2 2 funcref)
    (func (export "get") (result i32) (call_indirect (type $getter) (i32.const 0)))
    (func (export "set") (param i32)
      (call_indirect (type $setter) (local.get 0) (i32.const 1))))
  (core instance $shim (instantiate $Shim))
  (core module $Main
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func (export "run") (param i32) (result i32)
      (if (call $get) (then unreachable))
      (call $set (local.get 0))
      (i32.add (call $get) (call $get))))
  (core instance $main (instantiate $Main (with "" (instance $shim))))
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $Fixup
    (import "" "table" (table 2 2 funcref))
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (elem (i32.const 0) func $get $set))
  (core instance (instantiate $Fixup (with "" (instance
    (export "table" (table $shim "table"))
    (export "get" (func $get)) (export "set" (func $set))))))
  (func (export "run") (param "value" u32) (result u32)
    (canon lift (core func $main "run"))))

(assert_return (invoke "run" (u32.const 21)) (u32.const 42))
(assert_return (invoke "run" (u32.const 4)) (u32.const 8))

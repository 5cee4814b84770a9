;; An indirect call within a core module shares its caller's slots as a direct one does.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (type $step (func))
    (table funcref (elem $increment $double))
    (func $increment (call $set (i32.add (call $get) (i32.const 1))))
    (func $double (call $set (i32.mul (call $get) (i32.const 2))))
    (func (export "run") (param i32 i32) (result i32)
      (call $set (i32.const 10))
      (call_indirect (type $step) (local.get 0))
      (call_indirect (type $step) (local.get 1))
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get))
    (export "set" (func $set))))))
  (func (export "run") (param "first" u32) (param "second" u32) (result u32)
    (canon lift (core func $m "run"))))

(assert_return (invoke "run" (u32.const 0) (u32.const 1)) (u32.const 22))
(assert_return (invoke "run" (u32.const 1) (u32.const 0)) (u32.const 21))

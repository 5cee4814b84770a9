;; A call into a component that imports no built-in at all leaves the caller's slots alone.

(component
  (component $Callee
    (core module $M
      (func (export "add") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1))))
    (core instance $m (instantiate $M))
    (func (export "add") (param "a" u32) (param "b" u32) (result u32)
      (canon lift (core func $m "add"))))
  (instance $callee (instantiate $Callee))

  (canon lower (func $callee "add") (core func $add))
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "add" (func $add (param i32 i32) (result i32)))
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func (export "run") (result i32)
      (call $set (i32.const 40))
      (call $add (call $get) (i32.const 1))
      (call $get)
      i32.add))
  (core instance $m (instantiate $M (with "" (instance
    (export "add" (func $add))
    (export "get" (func $get))
    (export "set" (func $set))))))
  (func (export "run") (result u32) (canon lift (core func $m "run"))))

(assert_return (invoke "run") (u32.const 81))

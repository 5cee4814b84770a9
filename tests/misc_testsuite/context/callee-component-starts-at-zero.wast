;; A component called by another starts with zeros, whatever its caller's slots hold.

(component
  (component $Callee
    (canon context.get i32 0 (core func $get0))
    (canon context.get i32 1 (core func $get1))
    (core module $M
      (import "" "get0" (func $get0 (result i32)))
      (import "" "get1" (func $get1 (result i32)))
      (func (export "f") (result i32) (i32.or (call $get0) (call $get1))))
    (core instance $m (instantiate $M (with "" (instance
      (export "get0" (func $get0))
      (export "get1" (func $get1))))))
    (func (export "f") (result u32) (canon lift (core func $m "f"))))
  (instance $callee (instantiate $Callee))

  (canon lower (func $callee "f") (core func $f))
  (canon context.set i32 0 (core func $set0))
  (canon context.set i32 1 (core func $set1))
  (core module $M
    (import "" "f" (func $f (result i32)))
    (import "" "set0" (func $set0 (param i32)))
    (import "" "set1" (func $set1 (param i32)))
    (func (export "run") (result i32)
      (call $set0 (i32.const -1))
      (call $set1 (i32.const -1))
      (call $f)))
  (core instance $m (instantiate $M (with "" (instance
    (export "f" (func $f))
    (export "set0" (func $set0))
    (export "set1" (func $set1))))))
  (func (export "run") (result u32) (canon lift (core func $m "run"))))

(assert_return (invoke "run") (u32.const 0))

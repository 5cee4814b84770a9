;; After a call into another component that sets both slots, the caller's are as they were.

(component
  (component $Callee
    (canon context.set i32 0 (core func $set0))
    (canon context.set i32 1 (core func $set1))
    (core module $M
      (import "" "set0" (func $set0 (param i32)))
      (import "" "set1" (func $set1 (param i32)))
      (func (export "f")
        (call $set0 (i32.const -1))
        (call $set1 (i32.const -1))))
    (core instance $m (instantiate $M (with "" (instance
      (export "set0" (func $set0))
      (export "set1" (func $set1))))))
    (func (export "f") (canon lift (core func $m "f"))))
  (instance $callee (instantiate $Callee))

  (canon lower (func $callee "f") (core func $f))
  (canon context.get i32 0 (core func $get0))
  (canon context.set i32 0 (core func $set0))
  (canon context.get i32 1 (core func $get1))
  (canon context.set i32 1 (core func $set1))
  (core module $M
    (import "" "f" (func $f))
    (import "" "get0" (func $get0 (result i32)))
    (import "" "set0" (func $set0 (param i32)))
    (import "" "get1" (func $get1 (result i32)))
    (import "" "set1" (func $set1 (param i32)))
    (func (export "run") (result i32)
      (call $set0 (i32.const 4000))
      (call $set1 (i32.const 21))
      (call $f)
      (i32.add (call $get0) (call $get1))))
  (core instance $m (instantiate $M (with "" (instance
    (export "f" (func $f))
    (export "get0" (func $get0)) (export "set0" (func $set0))
    (export "get1" (func $get1)) (export "set1" (func $set1))))))
  (func (export "run") (result u32) (canon lift (core func $m "run"))))

(assert_return (invoke "run") (u32.const 4021))

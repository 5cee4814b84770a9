;; A component that uses slots, called twice by one that uses none, starts with zeros each time.

(component
  (component $Callee
    (canon context.get i32 1 (core func $get))
    (canon context.set i32 1 (core func $set))
    (core module $M
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (func (export "f") (result i32)
        (call $get)
        (call $set (i32.const 9))))
    (core instance $m (instantiate $M (with "" (instance
      (export "get" (func $get))
      (export "set" (func $set))))))
    (func (export "f") (result u32) (canon lift (core func $m "f"))))
  (instance $callee (instantiate $Callee))
  (canon lower (func $callee "f") (core func $f))
  (core module $M
    (import "" "f" (func $f (result i32)))
    (func (export "run") (result i32) (i32.or (call $f) (call $f))))
  (core instance $m (instantiate $M (with "" (instance (export "f" (func $f))))))
  (func (export "run") (result u32) (canon lift (core func $m "run"))))

(assert_return (invoke "run") (u32.const 0))

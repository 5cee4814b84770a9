;; Called again and again from one loop, a component starts with zeros each time, and the
;; caller's slot counts on.

(component
  (component $Callee
    (canon context.get i32 0 (core func $get))
    (canon context.set i32 0 (core func $set))
    (core module $M
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (func (export "f") (param i32) (result i32)
        (call $get)
        (call $set (local.get 0))))
    (core instance $m (instantiate $M (with "" (instance
      (export "get" (func $get))
      (export "set" (func $set))))))
    (func (export "f") (param "value" u32) (result u32) (canon lift (core func $m "f"))))
  (instance $callee (instantiate $Callee))

  (canon lower (func $callee "f") (core func $f))
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "f" (func $f (param i32) (result i32)))
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func (export "run") (result i32)
      (loop $again
        (call $set (i32.add (call $get) (i32.const 1)))
        (if (call $f (call $get)) (then unreachable))
        (br_if $again (i32.lt_u (call $get) (i32.const 1000))))
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "f" (func $f))
    (export "get" (func $get))
    (export "set" (func $set))))))
  (func (export "run") (result u32) (canon lift (core func $m "run"))))

(assert_return (invoke "run") (u32.const 1000))

;; A component that uses i64 and one that uses i32 share a store: a call from the first to the
;; second hands over zeros and gets all 64 bits back.

(component
  (component $Narrow
    (canon context.get i32 0 (core func $get))
    (canon context.set i32 0 (core func $set))
    (core module $M
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (func (export "f") (result i32)
        (call $get)
        (call $set (i32.const 0x55555555))))
    (core instance $m (instantiate $M (with "" (instance
      (export "get" (func $get))
      (export "set" (func $set))))))
    (func (export "f") (result u32) (canon lift (core func $m "f"))))
  (instance $narrow (instantiate $Narrow))

  (canon lower (func $narrow "f") (core func $f))
  (canon context.get i64 0 (core func $get))
  (canon context.set i64 0 (core func $set))
  (core module $M
    (import "" "f" (func $f (result i32)))
    (import "" "get" (func $get (result i64)))
    (import "" "set" (func $set (param i64)))
    (func (export "run") (result i64)
      (call $set (i64.const 0x0123456789abcdef))
      (i64.add (i64.extend_i32_u (call $f)) (call $get))))
  (core instance $m (instantiate $M (with "" (instance
    (export "f" (func $f))
    (export "get" (func $get))
    (export "set" (func $set))))))
  (func (export "run") (result u64) (canon lift (core func $m "run"))))

(assert_return (invoke "run") (u64.const 0x0123456789abcdef))
(assert_return (invoke "run") (u64.const 0x0123456789abcdef))

;; A loop that only reads a slot reads the same value each turn, though another slot and the
;; memory change.

(component
  (canon context.get i32 0 (core func $get0))
  (canon context.set i32 0 (core func $set0))
  (canon context.get i32 1 (core func $get1))
  (canon context.set i32 1 (core func $set1))
  (core module $M
    (import "" "get0" (func $get0 (result i32)))
    (import "" "set0" (func $set0 (param i32)))
    (import "" "get1" (func $get1 (result i32)))
    (import "" "set1" (func $set1 (param i32)))
    (memory 1)
    (func (export "sum") (param $turns i32) (result i32)
      (call $set0 (i32.const 3))
      (loop $again
        (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (call $get0)))
        (call $set1 (i32.add (call $get1) (i32.const 1)))
        (br_if $again (i32.lt_u (call $get1) (local.get $turns))))
      (i32.load (i32.const 8))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get0" (func $get0)) (export "set0" (func $set0))
    (export "get1" (func $get1)) (export "set1" (func $set1))))))
  (func (export "sum") (param "turns" u32) (result u32)
    (canon lift (core func $m "sum"))))

(assert_return (invoke "sum" (u32.const 10)) (u32.const 30))

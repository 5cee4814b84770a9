;; Growing a memory leaves the slots alone.

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
    (memory 1 10)
    (func (export "grow") (result i32)
      (call $set0 (i32.const 1000))
      (call $set1 (i32.const 200))
      (drop (memory.grow (i32.const 2)))
      (i32.store (i32.const 131072) (i32.const -1))
      (i32.add (i32.add (call $get0) (call $get1)) (memory.size))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get0" (func $get0)) (export "set0" (func $set0))
    (export "get1" (func $get1)) (export "set1" (func $set1))))))
  (func (export "grow") (result u32) (canon lift (core func $m "grow"))))

(assert_return (invoke "grow") (u32.const 1203))

;; A loop that counts in a slot sees its own set in the next turn.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (func (export "count") (param $turns i32) (result i32)
      (block $done
        (loop $again
          (br_if $done (i32.ge_u (call $get) (local.get $turns)))
          (call $set (i32.add (call $get) (i32.const 1)))
          (br $again)))
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get))
    (export "set" (func $set))))))
  (func (export "count") (param "turns" u32) (result u32)
    (canon lift (core func $m "count"))))

(assert_return (invoke "count" (u32.const 0)) (u32.const 0))
(assert_return (invoke "count" (u32.const 1)) (u32.const 1))
(assert_return (invoke "count" (u32.const 100000)) (u32.const 100000))

;; A core module that imports a built-in with another type than it has can't be instantiated
;; with it.

(assert_invalid
  (component
    (canon context.get i32 0 (core func $get))
    (core module $M (import "" "get" (func (result i64))))
    (core instance (instantiate $M (with "" (instance (export "get" (func $get)))))))
  "type mismatch")
(assert_invalid
  (component
    (canon context.set i32 0 (core func $set))
    (core module $M (import "" "set" (func (param i32 i32))))
    (core instance (instantiate $M (with "" (instance (export "set" (func $set)))))))
  "type mismatch")
(assert_invalid
  (component
    (canon context.get i64 1 (core func $get))
    (func (export "f") (result u32) (canon lift (core func $get))))
  "lowered result types")

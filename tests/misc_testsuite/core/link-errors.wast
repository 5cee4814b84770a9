;; A module whose imports are missing or of another type can't be instantiated.

(module $m
  (func (export "f") (param i32))
  (memory (export "memory") 1 2)
  (global (export "g") (mut i32) (i32.const 0)))
(register "m" $m)

(assert_unlinkable (module (import "m" "absent" (func))) "unknown import")
(assert_unlinkable (module (import "nowhere" "f" (func))) "unknown import")
(assert_unlinkable (module (import "m" "f" (func (param i64)))) "incompatible import type")
(assert_unlinkable (module (import "m" "f" (memory 1))) "incompatible import type")
(assert_unlinkable (module (import "m" "memory" (memory 2))) "incompatible import type")
(assert_unlinkable (module (import "m" "g" (global i32))) "incompatible import type")

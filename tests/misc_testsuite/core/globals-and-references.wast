;; Globals keep what was set, across modules that share them, vectors and references included.

(module $m
  (global (export "i") (mut i64) (i64.const 1))
  (global (export "v") (mut v128) (v128.const i32x4 1 2 3 4))
  (global $r (export "r") (mut externref) (ref.null extern))
  (func (export "set-r") (param externref) (global.set $r (local.get 0))))
(register "m" $m)
(module
  (import "m" "i" (global $i (mut i64)))
  (import "m" "v" (global $v (mut v128)))
  (func (export "bump")
    (global.set $i (i64.add (global.get $i) (i64.const 41)))
    (global.set $v (i32x4.add (global.get $v) (global.get $v)))))

(assert_return (invoke "bump"))
(assert_return (get $m "i") (i64.const 42))
(assert_return (get $m "v") (v128.const i32x4 2 4 6 8))
(assert_return (get $m "r") (ref.null extern))
(assert_return (invoke $m "set-r" (ref.extern 3)))
(assert_return (get $m "r") (ref.extern 3))

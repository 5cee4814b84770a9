;; Tables are bounds-checked in get, set, fill and init.

(module
  (table $t 2 externref)
  (table $f 2 funcref)
  (elem $e func $g $g $g)
  (func $g)
  (func (export "get") (param i32) (result externref) (table.get $t (local.get 0)))
  (func (export "set") (param i32 externref) (table.set $t (local.get 0) (local.get 1)))
  (func (export "init") (param i32) (table.init $f $e (i32.const 0) (i32.const 0) (local.get 0)))
  (func (export "get-func") (param i32) (result funcref) (table.get $f (local.get 0))))

(assert_return (invoke "get" (i32.const 1)) (ref.null extern))
(assert_return (invoke "set" (i32.const 1) (ref.extern 5)))
(assert_return (invoke "get" (i32.const 1)) (ref.extern 5))
(assert_trap (invoke "get" (i32.const 2)) "out of bounds table access")
(assert_trap (invoke "set" (i32.const -1) (ref.null extern)) "out of bounds table access")
(assert_trap (invoke "init" (i32.const 3)) "out of bounds table access")
(assert_return (invoke "get-func" (i32.const 0)) (ref.null func))
(assert_return (invoke "init" (i32.const 2)))
(assert_return (invoke "get-func" (i32.const 1)) (ref.func))

;; Bulk operations are checked as a whole before they write anything.

(module
  (memory 1)
  (data $bytes "\01\02\03\04")
  (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 7) (local.get 1)))
  (func (export "init") (param i32 i32)
    (memory.init $bytes (i32.const 0) (local.get 0) (local.get 1)))
  (func (export "drop") (data.drop $bytes))
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))

(assert_return (invoke "fill" (i32.const 65536) (i32.const 0)))
(assert_trap (invoke "fill" (i32.const 65535) (i32.const 2)) "out of bounds memory access")
(assert_return (invoke "load" (i32.const 65535)) (i32.const 0))
(assert_return (invoke "init" (i32.const 1) (i32.const 3)))
(assert_return (invoke "load" (i32.const 0)) (i32.const 2))
(assert_trap (invoke "init" (i32.const 2) (i32.const 3)) "out of bounds memory access")
(assert_return (invoke "drop"))
(assert_return (invoke "init" (i32.const 0) (i32.const 0)))
(assert_trap (invoke "init" (i32.const 0) (i32.const 1)) "out of bounds memory access")

;; More than sixteen flat parameters are passed as a pointer to where `realloc` put them.

(component
  (core module $M
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (if (i32.ne (local.get 2) (i32.const 4)) (then unreachable))
      (if (i32.ne (local.get 3) (i32.const 68)) (then unreachable))
      (i32.const 128))
    (func (export "last-two") (param i32) (result i32)
      (i32.add
        (i32.mul (i32.load offset=60 (local.get 0)) (i32.const 100))
        (i32.load offset=64 (local.get 0)))))
  (core instance $m (instantiate $M))
  (func (export "last-two")
    (param "a" u32) (param "b" u32) (param "c" u32) (param "d" u32) (param "e" u32)
    (param "f" u32) (param "g" u32) (param "h" u32) (param "i" u32) (param "j" u32)
    (param "k" u32) (param "l" u32) (param "m" u32) (param "n" u32) (param "o" u32)
    (param "p" u32) (param "q" u32)
    (result u32)
    (canon lift (core func $m "last-two")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))

(assert_return
  (invoke "last-two"
    (u32.const 1) (u32.const 2) (u32.const 3) (u32.const 4) (u32.const 5)
    (u32.const 6) (u32.const 7) (u32.const 8) (u32.const 9) (u32.const 10)
    (u32.const 11) (u32.const 12) (u32.const 13) (u32.const 14) (u32.const 15)
    (u32.const 16) (u32.const 17))
  (u32.const 1617))

;; The host puts a string where `realloc` says, as utf-8 with its length in bytes.

(component
  (core module $M
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      ;; A new block, no alignment needed, of the string's length.
      (if (local.get 0) (then unreachable))
      (if (local.get 1) (then unreachable))
      (if (i32.ne (local.get 2) (i32.const 1)) (then unreachable))
      (i32.const 256))
    (func (export "length") (param i32 i32) (result i32)
      (if (i32.ne (local.get 0) (i32.const 256)) (then unreachable))
      (local.get 1))
    (func (export "sum") (param $at i32) (param $left i32) (result i32)
      (local $sum i32)
      (block $done
        (loop $again
          (br_if $done (i32.eqz (local.get $left)))
          (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $at))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br $again)))
      (local.get $sum)))
  (core instance $m (instantiate $M))
  (func (export "length") (param "text" string) (result u32)
    (canon lift (core func $m "length")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (func (export "sum") (param "text" string) (result u32)
    (canon lift (core func $m "sum")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))

(assert_return (invoke "length" (str.const "")) (u32.const 0))
(assert_return (invoke "length" (str.const "thread")) (u32.const 6))
(assert_return (invoke "length" (str.const "\u{e9}\u{20ac}\u{1f9f5}")) (u32.const 9))
(assert_return (invoke "sum" (str.const "abc")) (u32.const 294))
(assert_return (invoke "sum" (str.const "\u{e9}")) (u32.const 0x16c))

;; What an instance passes itself is lifted before any of it is lowered, also where its `realloc`
;; gives out, and overwrites, the memory that it comes from.

(component
  (core module $M
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (memory.fill (i32.const 32) (i32.const 0xff) (i32.const 32))
      (i32.const 32))
    (func (export "sum") (param $list i32) (param $len i32) (result i32)
      (local $sum i32)
      (loop $next
        (if (local.get $len)
          (then
            (local.set $sum (i32.add (local.get $sum) (i32.load16_u (local.get $list))))
            (local.set $list (i32.add (local.get $list) (i32.const 2)))
            (local.set $len (i32.sub (local.get $len) (i32.const 1)))
            (br $next))))
      (local.get $sum))
    (data (i32.const 32) "\01\00\02\00\03\00\04\00"))
  (core instance $m (instantiate $M))
  (func $sum (param "l" (list u16)) (result u32)
    (canon lift (core func $m "sum") (memory (core memory $m "memory"))
      (realloc (core func $m "realloc"))))
  (core func $sum' (canon lower (func $sum) (memory (core memory $m "memory"))))
  (core module $N
    (import "" "sum" (func $sum (param i32 i32) (result i32)))
    (func (export "run") (result i32) (call $sum (i32.const 32) (i32.const 4))))
  (core instance $n (instantiate $N (with "" (instance (export "sum" (func $sum'))))))
  (func (export "run") (result u32) (canon lift (core func $n "run"))))
(assert_return (invoke "run") (u32.const 10))

;; A million tail calls, direct and indirect, with more arguments than there are registers, run in
;; the stack of one.

(module
  (type $ty (func (param i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64)))
  (table funcref (elem $even_indirect $odd_indirect))

  (func $even (export "even") (param $n i64) (result i32)
    (if (result i32) (i64.eqz (local.get $n))
      (then (i32.const 1))
      (else (return_call $odd (i64.sub (local.get $n) (i64.const 1))))))
  (func $odd (param $n i64) (result i32)
    (if (result i32) (i64.eqz (local.get $n))
      (then (i32.const 0))
      (else (return_call $even (i64.sub (local.get $n) (i64.const 1))))))

  (func $even_indirect (type $ty)
    (if (i64.eqz (local.get 0)) (then (return (local.get 8))))
    (return_call_indirect (type $ty)
      (i64.sub (local.get 0) (i64.const 1))
      (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6)
      (local.get 7) (i64.add (local.get 8) (local.get 1)) (i32.const 1)))
  (func $odd_indirect (type $ty)
    (if (i64.eqz (local.get 0)) (then (return (local.get 8))))
    (return_call_indirect (type $ty)
      (i64.sub (local.get 0) (i64.const 1))
      (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6)
      (local.get 7) (i64.add (local.get 8) (local.get 2)) (i32.const 0)))
  (func (export "sum") (param $n i64) (result i64)
    (return_call $even_indirect (local.get $n)
      (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6)
      (i64.const 7) (i64.const 100))))

(assert_return (invoke "even" (i64.const 1000000)) (i32.const 1))
(assert_return (invoke "even" (i64.const 1000001)) (i32.const 0))
(assert_return (invoke "sum" (i64.const 1000000)) (i64.const 1500100))

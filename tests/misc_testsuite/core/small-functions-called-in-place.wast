;; What small functions do when they are called does not depend on whether their code becomes part
;; of the caller's: locals start at zero each time, `return` and branches leave the callee alone,
;; code behind a call that doesn't return is skipped, and recursion goes on.

(module
  (memory 1)
  (global $counter (mut i32) (i32.const 0))

  ;; A local that isn't set on every path is zero again for each call.
  (func $stale (param $set i32) (result i32)
    (local $kept i32)
    (if (local.get $set) (then (local.set $kept (i32.const 7))))
    (local.get $kept))
  (func (export "locals-start-at-zero") (param $n i32) (result i32)
    (local $sum i32)
    (loop $again
      (local.set $sum
        (i32.add (local.get $sum) (call $stale (i32.and (local.get $n) (i32.const 1)))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))

  ;; Parameters are the callee's own.
  (func $clobber (param $x i32) (result i32)
    (local.set $x (i32.add (local.get $x) (i32.const 100)))
    (local.get $x))
  (func (export "parameters-are-copies") (param $x i32) (result i32)
    (i32.sub (call $clobber (local.get $x)) (local.get $x)))

  (func $sign (param $x i32) (result i32)
    (if (i32.eqz (local.get $x)) (then (return (i32.const 0))))
    (drop (br_if 0 (i32.const -1) (i32.lt_s (local.get $x) (i32.const 0))))
    (i32.const 1))
  (func (export "return-leaves-the-callee") (param i32 i32) (result i32)
    (i32.add
      (i32.mul (call $sign (local.get 0)) (i32.const 10))
      (call $sign (local.get 1))))

  (func $forever (param i32) (result i32)
    (loop $again (br_if $again (local.get 0)) (return (i32.const 3)))
    (i32.const 4))
  (func (export "code-behind-a-return-is-skipped") (result i32)
    (block $out (result i32)
      (call $forever (i32.const 0))
      (if (result i32) (i32.eq (i32.const 1))
        (then (i32.const 8))
        (else (i32.const 9)))))

  (func $both (param i32 i64) (result i64 i32)
    (local.get 1) (local.get 0))
  (func (export "several-results") (param i32 i64) (result i64 i32)
    (call $both (local.get 0) (local.get 1)))

  (func $count (global.set $counter (i32.add (global.get $counter) (i32.const 1))))
  (func $twice (call $count) (call $count))
  (func $eight (call $twice) (call $twice) (call $twice) (call $twice))
  (func $often (call $eight) (call $eight) (call $eight) (call $eight) (call $eight))
  (func (export "nested-calls") (result i32)
    (global.set $counter (i32.const 0))
    (call $often) (call $often) (call $often)
    (global.get $counter))

  (func $fib (export "recursion") (param $n i32) (result i32)
    (if (i32.lt_u (local.get $n) (i32.const 2)) (then (return (local.get $n))))
    (i32.add
      (call $fib (i32.sub (local.get $n) (i32.const 1)))
      (call $fib (i32.sub (local.get $n) (i32.const 2)))))
  (func $even (export "mutual-recursion") (param $n i32) (result i32)
    (if (result i32) (local.get $n)
      (then (call $odd (i32.sub (local.get $n) (i32.const 1))))
      (else (i32.const 1))))
  (func $odd (param $n i32) (result i32)
    (if (result i32) (local.get $n)
      (then (call $even (i32.sub (local.get $n) (i32.const 1))))
      (else (i32.const 0))))
  (func $endless (export "endless") (result i32) (i32.add (call $endless) (i32.const 1)))

  (func $load (param i32) (result i32) (i32.load offset=4 (local.get 0)))
  (func (export "traps") (param i32) (result i32)
    (i32.store (i32.const 0) (i32.const 42))
    (drop (call $load (local.get 0)))
    (i32.store (i32.const 0) (i32.const 43))
    (i32.const 1))
  (func (export "first") (result i32) (i32.load (i32.const 0)))

  (func $vector (param v128) (result v128)
    (i32x4.add (local.get 0) (i32x4.splat (i32.const 1))))
  (func (export "vectors") (param i32) (result i32)
    (i32x4.extract_lane 2
      (call $vector (call $vector (i32x4.splat (local.get 0)))))))

(assert_return (invoke "locals-start-at-zero" (i32.const 5)) (i32.const 21))
(assert_return (invoke "parameters-are-copies" (i32.const 5)) (i32.const 100))
(assert_return (invoke "return-leaves-the-callee" (i32.const 5) (i32.const 0)) (i32.const 10))
(assert_return (invoke "return-leaves-the-callee" (i32.const -5) (i32.const 1)) (i32.const -9))
(assert_return (invoke "code-behind-a-return-is-skipped") (i32.const 9))
(assert_return (invoke "several-results" (i32.const 1) (i64.const 2)) (i64.const 2) (i32.const 1))
(assert_return (invoke "nested-calls") (i32.const 120))
(assert_return (invoke "recursion" (i32.const 20)) (i32.const 6765))
(assert_return (invoke "mutual-recursion" (i32.const 101)) (i32.const 0))
(assert_return (invoke "mutual-recursion" (i32.const 1000)) (i32.const 1))
(assert_exhaustion (invoke "endless") "call stack exhausted")
(assert_trap (invoke "traps" (i32.const 65529)) "out of bounds memory access")
(assert_return (invoke "first") (i32.const 42))
(assert_return (invoke "traps" (i32.const 65528)) (i32.const 1))
(assert_return (invoke "first") (i32.const 43))
(assert_return (invoke "vectors" (i32.const 5)) (i32.const 7))

;; A small function may throw what a handler around its call catches.
(module
  (tag $t (param i32))
  (func $throw (param i32) (throw $t (local.get 0)))
  (func $maybe (param i32) (result i32)
    (if (local.get 0) (then (call $throw (local.get 0))))
    (i32.const 0))
  (func (export "caught") (param i32) (result i32)
    (block $handler (result i32)
      (try_table (result i32) (catch $t $handler) (call $maybe (local.get 0))))))

(assert_return (invoke "caught" (i32.const 5)) (i32.const 5))
(assert_return (invoke "caught" (i32.const 0)) (i32.const 0))

;; A small function that is not valid makes the module invalid, whoever calls it.
(assert_invalid
  (module
    (func (export "f") (result i32) (call $bad))
    (func $bad (result i32) (i64.const 1)))
  "type mismatch")

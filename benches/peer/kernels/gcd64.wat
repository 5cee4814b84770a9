;; 64-bit arithmetic: greatest common divisors by division, and a power modulo a prime.
(module
  (func $gcd (param $a i64) (param $b i64) (result i64)
    (local $t i64)
    (block $done
      (loop $again
        (br_if $done (i64.eqz (local.get $b)))
        (local.set $t (i64.rem_u (local.get $a) (local.get $b)))
        (local.set $a (local.get $b))
        (local.set $b (local.get $t))
        (br $again)))
    (local.get $a))
  (func $power (param $base i64) (param $exponent i64) (result i64)
    (local $result i64)
    (local.set $result (i64.const 1))
    (loop $again
      (if (i64.ne (i64.and (local.get $exponent) (i64.const 1)) (i64.const 0))
        (then
          (local.set $result
            (i64.rem_u (i64.mul (local.get $result) (local.get $base)) (i64.const 1000003)))))
      (local.set $base
        (i64.rem_u (i64.mul (local.get $base) (local.get $base)) (i64.const 1000003)))
      (local.set $exponent (i64.shr_u (local.get $exponent) (i64.const 1)))
      (br_if $again (i64.ne (local.get $exponent) (i64.const 0))))
    (local.get $result))
  (func (export "run") (param $n i32) (result i32)
    (local $sum i64) (local $x i64)
    (local.set $x (i64.const 0x123456789ABCDEF))
    (loop $again
      (local.set $x
        (i64.add (i64.mul (local.get $x) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))
      (local.set $sum
        (i64.add (local.get $sum)
          (call $gcd (local.get $x) (i64.shr_u (local.get $x) (i64.const 9)))))
      (local.set $sum
        (i64.add (local.get $sum)
          (call $power (i64.and (local.get $x) (i64.const 0xFFFFF)) (i64.extend_i32_u (local.get $n)))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.wrap_i64 (i64.xor (local.get $sum) (i64.shr_u (local.get $sum) (i64.const 32))))))

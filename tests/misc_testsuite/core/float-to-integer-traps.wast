;; Truncating a NaN or what does not fit traps; the saturating forms do not.

(module
  (func (export "trunc") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func (export "trunc_sat") (param f64) (result i32) (i32.trunc_sat_f64_s (local.get 0))))

(assert_return (invoke "trunc" (f64.const 2147483647.9)) (i32.const 2147483647))
(assert_trap (invoke "trunc" (f64.const 2147483648)) "integer overflow")
(assert_trap (invoke "trunc" (f64.const nan)) "invalid conversion to integer")
(assert_return (invoke "trunc_sat" (f64.const nan)) (i32.const 0))
(assert_return (invoke "trunc_sat" (f64.const -inf)) (i32.const 0x80000000))

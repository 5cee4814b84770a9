;; 64-bit integers and floats keep every bit between host and guest.

(component
  (core module $M
    (func (export "i64") (param i64) (result i64) (local.get 0))
    (func (export "f32") (param f32) (result f32) (local.get 0))
    (func (export "f64") (param f64) (result f64) (local.get 0)))
  (core instance $m (instantiate $M))
  (func (export "u64") (param "v" u64) (result u64) (canon lift (core func $m "i64")))
  (func (export "s64") (param "v" s64) (result s64) (canon lift (core func $m "i64")))
  (func (export "f32") (param "v" f32) (result f32) (canon lift (core func $m "f32")))
  (func (export "f64") (param "v" f64) (result f64) (canon lift (core func $m "f64"))))

(assert_return (invoke "u64" (u64.const 0xfedcba9876543210)) (u64.const 0xfedcba9876543210))
(assert_return (invoke "s64" (s64.const -9223372036854775808)) (s64.const -9223372036854775808))
(assert_return (invoke "f32" (f32.const -0)) (f32.const -0))
(assert_return (invoke "f32" (f32.const 0x1.fffffep127)) (f32.const 0x1.fffffep127))
(assert_return (invoke "f32" (f32.const nan)) (f32.const nan))
(assert_return (invoke "f64" (f64.const 0x1p-1074)) (f64.const 0x1p-1074))
(assert_return (invoke "f64" (f64.const -inf)) (f64.const -inf))

;;! relaxed_simd_deterministic = true

;; With the option, relaxed operators give what the deterministic profile says where x86 and others
;; differ: indices, NaNs and numbers out of range, double rounding, masks of mixed bits, zeros, the
;; product of the smallest numbers, eighth bits.

(module
  (func (export "swizzle") (param v128 v128) (result v128)
    (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))
  (func (export "trunc") (param v128) (result v128)
    (i32x4.relaxed_trunc_f32x4_s (local.get 0)))
  (func (export "trunc_u") (param v128) (result v128)
    (i32x4.relaxed_trunc_f32x4_u (local.get 0)))
  (func (export "trunc_zero") (param v128) (result v128)
    (i32x4.relaxed_trunc_f64x2_s_zero (local.get 0)))
  (func (export "madd") (param v128 v128 v128) (result v128)
    (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2)))
  (func (export "nmadd") (param v128 v128 v128) (result v128)
    (f64x2.relaxed_nmadd (local.get 0) (local.get 1) (local.get 2)))
  (func (export "laneselect") (param v128 v128 v128) (result v128)
    (i8x16.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2)))
  (func (export "min") (param v128 v128) (result v128)
    (f32x4.relaxed_min (local.get 0) (local.get 1)))
  (func (export "max") (param v128 v128) (result v128)
    (f32x4.relaxed_max (local.get 0) (local.get 1)))
  (func (export "q15mulr") (param v128 v128) (result v128)
    (i16x8.relaxed_q15mulr_s (local.get 0) (local.get 1)))
  (func (export "dot") (param v128 v128) (result v128)
    (i16x8.relaxed_dot_i8x16_i7x16_s (local.get 0) (local.get 1)))
  (func (export "dot_add") (param v128 v128 v128) (result v128)
    (i32x4.relaxed_dot_i8x16_i7x16_add_s (local.get 0) (local.get 1) (local.get 2))))

(assert_return
  (invoke "swizzle"
    (v128.const i8x16 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16)
    (v128.const i8x16 0 15 16 17 31 32 127 128 255 1 2 3 4 5 6 7))
  (v128.const i8x16 1 16 0 0 0 0 0 0 0 2 3 4 5 6 7 8))
(assert_return
  (invoke "trunc" (v128.const f32x4 nan 3e9 -3e9 -1.5))
  (v128.const i32x4 0 0x7fffffff 0x80000000 -1))
(assert_return
  (invoke "trunc_u" (v128.const f32x4 nan 5e9 -1 1.5))
  (v128.const i32x4 0 -1 0 1))
(assert_return
  (invoke "trunc_zero" (v128.const f64x2 nan 3e9))
  (v128.const i32x4 0 0x7fffffff 0 0))
;; (1 + 2^-12)^2 - (1 + 2^-11): the square's last bit is lost when it is rounded.
(assert_return
  (invoke "madd"
    (v128.const f32x4 0x1.001p0 2 0 0) (v128.const f32x4 0x1.001p0 3 0 0)
    (v128.const f32x4 -0x1.002p0 1 0 0))
  (v128.const f32x4 0 7 0 0))
(assert_return
  (invoke "nmadd"
    (v128.const f64x2 0x1.0000001p0 2) (v128.const f64x2 0x1.0000001p0 3)
    (v128.const f64x2 0x1.0000002p0 1))
  (v128.const f64x2 0 -5))
(assert_return
  (invoke "laneselect"
    (v128.const i64x2 -1 0) (v128.const i64x2 0 -1)
    (v128.const i64x2 0x80017f000000000f 0x80017f000000000f))
  (v128.const i64x2 0x80017f000000000f 0x7ffe80fffffffff0))
(assert_return
  (invoke "min" (v128.const f32x4 nan 1 0 -0) (v128.const f32x4 1 nan -0 0))
  (v128.const f32x4 nan:canonical nan:canonical -0 -0))
(assert_return
  (invoke "max" (v128.const f32x4 nan 1 0 -0) (v128.const f32x4 1 nan -0 0))
  (v128.const f32x4 nan:canonical nan:canonical 0 0))
(assert_return
  (invoke "q15mulr" (v128.const i16x8 -32768 0 0 0 0 0 0 0) (v128.const i16x8 -32768 0 0 0 0 0 0 0))
  (v128.const i16x8 32767 0 0 0 0 0 0 0))
(assert_return
  (invoke "dot"
    (v128.const i8x16 -128 -128 -128 -128 1 2 0 0 0 0 0 0 0 0 0 0)
    (v128.const i8x16 -127 -127 -128 -128 3 4 0 0 0 0 0 0 0 0 0 0))
  (v128.const i16x8 32512 -32768 11 0 0 0 0 0))
(assert_return
  (invoke "dot_add"
    (v128.const i8x16 -128 -128 -128 -128 1 2 3 4 0 0 0 0 0 0 0 0)
    (v128.const i8x16 -127 -127 -127 -127 5 6 7 8 0 0 0 0 0 0 0 0)
    (v128.const i32x4 1 2 3 4))
  (v128.const i32x4 65025 72 3 4))

;; A string for a guest that wants `latin1+utf16` is Latin-1 up to the first character that isn't, and
;; then UTF-16, which the length says.

(component definition $C
  (core module $M
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (global $calls (mut i32) (i32.const 0))
    ;; Notes its parameters and never gives the same place twice.
    (func (export "realloc") (param $old i32) (param $old-size i32) (param $align i32)
      (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (i32.add (i32.const 1024) (i32.mul (i32.const 16) (global.get $calls))))
      (i32.store offset=0 (local.get $at) (local.get $old))
      (i32.store offset=4 (local.get $at) (local.get $old-size))
      (i32.store offset=8 (local.get $at) (local.get $align))
      (i32.store offset=12 (local.get $at) (local.get $size))
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (local.set $at (global.get $next))
      (global.set $next (i32.add (local.get $at) (i32.const 256)))
      (memory.copy (local.get $at) (local.get $old)
        (select (local.get $old-size) (local.get $size)
          (i32.lt_u (local.get $old-size) (local.get $size))))
      (local.get $at))
    ;; Where the string is and its length.
    (func (export "put") (param $at i32) (param $length i32) (result i32)
      (i32.store (i32.const 16) (local.get $at))
      (i32.store (i32.const 20) (local.get $length))
      (i32.const 16))
    (func (export "call") (param $n i32) (result i32)
      (i32.add (i32.const 1024) (i32.mul (i32.const 16) (local.get $n))))
    (func (export "unit") (param $at i32) (result i32) (i32.load16_u (local.get $at)))
    (func (export "calls") (result i32) (global.get $calls)))
  (core instance $m (instantiate $M))
  (func (export "put") (param "text" string) (result (tuple u32 u32))
    (canon lift (core func $m "put") string-encoding=latin1+utf16
      (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  ;; Of the nth call of `realloc`: old address, old size, alignment, new size.
  (func (export "call") (param "n" u32) (result (tuple u32 u32 u32 u32))
    (canon lift (core func $m "call") (memory (core memory $m "memory"))))
  (func (export "calls") (result u32) (canon lift (core func $m "calls")))
  (func (export "unit") (param "at" u32) (result u16) (canon lift (core func $m "unit"))))

(component instance $latin1 $C)
(assert_return (invoke "put" (str.const "ab")) (tuple.const (u32.const 4096) (u32.const 2)))
(assert_return (invoke "calls") (u32.const 1))
(assert_return (invoke "call" (u32.const 0))
  (tuple.const (u32.const 0) (u32.const 0) (u32.const 2) (u32.const 2)))
(assert_return (invoke "unit" (u32.const 4096)) (u16.const 0x6261))

;; A character takes two bytes of utf-8 and one here.
(component instance $shrunk $C)
(assert_return (invoke "put" (str.const "a\u{e9}")) (tuple.const (u32.const 4352) (u32.const 2)))
(assert_return (invoke "calls") (u32.const 2))
(assert_return (invoke "call" (u32.const 0))
  (tuple.const (u32.const 0) (u32.const 0) (u32.const 2) (u32.const 3)))
(assert_return (invoke "call" (u32.const 1))
  (tuple.const (u32.const 4096) (u32.const 3) (u32.const 2) (u32.const 2)))
(assert_return (invoke "unit" (u32.const 4352)) (u16.const 0xe961))

;; Room for the worst case when the euro sign comes, and what is not needed of it given back.
(component instance $inflated $C)
(assert_return (invoke "put" (str.const "\u{e9}\u{20ac}a"))
  (tuple.const (u32.const 4608) (u32.const 0x80000003)))
(assert_return (invoke "calls") (u32.const 3))
(assert_return (invoke "call" (u32.const 0))
  (tuple.const (u32.const 0) (u32.const 0) (u32.const 2) (u32.const 6)))
(assert_return (invoke "call" (u32.const 1))
  (tuple.const (u32.const 4096) (u32.const 6) (u32.const 2) (u32.const 12)))
(assert_return (invoke "call" (u32.const 2))
  (tuple.const (u32.const 4352) (u32.const 12) (u32.const 2) (u32.const 6)))
(assert_return (invoke "unit" (u32.const 4608)) (u16.const 0xe9))
(assert_return (invoke "unit" (u32.const 4610)) (u16.const 0x20ac))
(assert_return (invoke "unit" (u32.const 4612)) (u16.const 0x61))

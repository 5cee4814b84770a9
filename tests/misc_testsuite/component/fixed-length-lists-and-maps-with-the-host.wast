;; A list with a length is its elements, one after the other; a map is a list of keys with values.

(component
  (core module $M
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (global.get $next))
      (global.set $next (i32.add (local.get $at) (i32.const 256)))
      (local.get $at))
    (func (export "three") (param i32 i32 i32) (result i32)
      (i32.store8 (i32.const 16) (local.get 0))
      (i32.store8 (i32.const 17) (local.get 1))
      (i32.store8 (i32.const 18) (local.get 2))
      (i32.const 16))
    ;; Seventeen elements are too many for core values.
    (func (export "seventeen") (param i32) (result i32) (local.get 0))
    (func (export "map") (param i32 i32) (result i32)
      (i32.store (i32.const 32) (local.get 0))
      (i32.store (i32.const 36) (local.get 1))
      (i32.const 32)))
  (core instance $m (instantiate $M))
  (func (export "three") (param "v" (list s8 3)) (result (list s8 3))
    (canon lift (core func $m "three") (memory (core memory $m "memory"))))
  (func (export "seventeen") (param "v" (list u16 17)) (result (list u16 17))
    (canon lift (core func $m "seventeen")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (func (export "map") (param "v" (map string u64)) (result (map string u64))
    (canon lift (core func $m "map")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  ;; The same bytes.
  (func (export "entries") (param "v" (map u8 u16)) (result (list (tuple u8 u16)))
    (canon lift (core func $m "map")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))

(assert_return (invoke "three" (list.const (s8.const 1) (s8.const -1) (s8.const 127)))
  (list.const (s8.const 1) (s8.const -1) (s8.const 127)))
(assert_return
  (invoke "seventeen" (list.const
    (u16.const 1) (u16.const 2) (u16.const 3) (u16.const 4) (u16.const 5) (u16.const 6)
    (u16.const 7) (u16.const 8) (u16.const 9) (u16.const 10) (u16.const 11) (u16.const 12)
    (u16.const 13) (u16.const 14) (u16.const 15) (u16.const 16) (u16.const 65535)))
  (list.const
    (u16.const 1) (u16.const 2) (u16.const 3) (u16.const 4) (u16.const 5) (u16.const 6)
    (u16.const 7) (u16.const 8) (u16.const 9) (u16.const 10) (u16.const 11) (u16.const 12)
    (u16.const 13) (u16.const 14) (u16.const 15) (u16.const 16) (u16.const 65535)))
(assert_return
  (invoke "map" (map.const (entry (str.const "a") (u64.const 1)) (entry (str.const "b") (u64.const 2))))
  (map.const (entry (str.const "b") (u64.const 2)) (entry (str.const "a") (u64.const 1))))
(assert_return
  (invoke "entries" (map.const (entry (u8.const 1) (u16.const 2)) (entry (u8.const 1) (u16.const 3))))
  (list.const (tuple.const (u8.const 1) (u16.const 2)) (tuple.const (u8.const 1) (u16.const 3))))

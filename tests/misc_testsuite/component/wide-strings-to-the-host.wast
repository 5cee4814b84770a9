;; The host takes strings in UTF-16 and `latin1+utf16`, and traps if they are misaligned, broken, too
;; long or not in the memory.

(component definition $C
  (core module $M
    (memory (export "memory") 1)
    (data (i32.const 16) "a\00\ac\20\3e\d8\f5\dd")
    ;; Halves of surrogate pairs.
    (data (i32.const 32) "\3e\d8a\00\f5\dd")
    (data (i32.const 48) "a\e9\ff")
    (func (export "at") (param i32 i32) (result i32)
      (i32.store (i32.const 0) (local.get 0))
      (i32.store (i32.const 4) (local.get 1))
      (i32.const 0)))
  (core instance $m (instantiate $M))
  (func (export "utf16") (param "at" u32) (param "length" u32) (result string)
    (canon lift (core func $m "at") string-encoding=utf16 (memory (core memory $m "memory"))))
  (func (export "latin1") (param "at" u32) (param "length" u32) (result string)
    (canon lift (core func $m "at") string-encoding=latin1+utf16
      (memory (core memory $m "memory")))))

(component instance $ok $C)
(assert_return (invoke "utf16" (u32.const 16) (u32.const 4)) (str.const "a\u{20ac}\u{1f9f5}"))
(assert_return (invoke "utf16" (u32.const 65536) (u32.const 0)) (str.const ""))
(assert_return (invoke "latin1" (u32.const 48) (u32.const 3)) (str.const "a\u{e9}\u{ff}"))
(assert_return (invoke "latin1" (u32.const 16) (u32.const 0x80000002)) (str.const "a\u{20ac}"))
(assert_return (invoke "latin1" (u32.const 65536) (u32.const 0x80000000)) (str.const ""))

(component instance $high-alone $C)
(assert_trap (invoke "utf16" (u32.const 32) (u32.const 2)) "invalid string encoding")
(component instance $low-alone $C)
(assert_trap (invoke "utf16" (u32.const 34) (u32.const 2)) "invalid string encoding")
(component instance $high-at-the-end $C)
(assert_trap (invoke "latin1" (u32.const 32) (u32.const 0x80000001)) "invalid string encoding")
(component instance $odd-utf16 $C)
(assert_trap (invoke "utf16" (u32.const 17) (u32.const 1)) "unaligned pointer")
(component instance $odd-latin1 $C)
(assert_trap (invoke "latin1" (u32.const 17) (u32.const 1)) "unaligned pointer")
(component instance $out-of-bounds $C)
(assert_trap (invoke "utf16" (u32.const 65534) (u32.const 2)) "string pointer/length out of bounds of memory")
(component instance $latin1-out-of-bounds $C)
(assert_trap (invoke "latin1" (u32.const 65534) (u32.const 3)) "string pointer/length out of bounds of memory")
;; A code unit less than a string may have, and then it is only out of bounds.
(component instance $long $C)
(assert_trap (invoke "utf16" (u32.const 0) (u32.const 0x07ffffff)) "string pointer/length out of bounds of memory")
(component instance $too-long $C)
(assert_trap (invoke "utf16" (u32.const 0) (u32.const 0x08000000)) "list or string exceeds the maximum byte length")
(component instance $too-long-tagged $C)
(assert_trap (invoke "latin1" (u32.const 0) (u32.const 0x88000000)) "list or string exceeds the maximum byte length")

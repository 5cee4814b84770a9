;; Lifting a char traps on surrogates and on anything past U+10FFFF.

(component definition $C
  (core module $M
    (func (export "id") (param i32) (result i32) (local.get 0)))
  (core instance $m (instantiate $M))
  (func (export "to-char") (param "v" u32) (result char) (canon lift (core func $m "id")))
  (func (export "from-char") (param "v" char) (result u32) (canon lift (core func $m "id"))))

(component instance $a $C)
(assert_return (invoke "to-char" (u32.const 0)) (char.const "\00"))
(assert_return (invoke "to-char" (u32.const 0xd7ff)) (char.const "\u{d7ff}"))
(assert_return (invoke "to-char" (u32.const 0xe000)) (char.const "\u{e000}"))
(assert_return (invoke "to-char" (u32.const 0x10ffff)) (char.const "\u{10ffff}"))
(assert_return (invoke "from-char" (char.const "\u{1f9f5}")) (u32.const 0x1f9f5))
(assert_trap (invoke "to-char" (u32.const 0xd800)) "invalid `char` bit pattern")
(component instance $b $C)
(assert_trap (invoke "to-char" (u32.const 0xdfff)) "invalid `char` bit pattern")
(component instance $c $C)
(assert_trap (invoke "to-char" (u32.const 0x110000)) "invalid `char` bit pattern")
(component instance $d $C)
(assert_trap (invoke "to-char" (u32.const 0xffffffff)) "invalid `char` bit pattern")

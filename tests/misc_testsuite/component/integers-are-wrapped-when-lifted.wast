;; Only the low bits of a core result count for the narrow integer types.

(component
  (core module $M
    (func (export "id") (param i32) (result i32) (local.get 0)))
  (core instance $m (instantiate $M))
  (func (export "u8") (param "v" u32) (result u8) (canon lift (core func $m "id")))
  (func (export "s8") (param "v" u32) (result s8) (canon lift (core func $m "id")))
  (func (export "u16") (param "v" u32) (result u16) (canon lift (core func $m "id")))
  (func (export "s16") (param "v" u32) (result s16) (canon lift (core func $m "id")))
  (func (export "s32") (param "v" u32) (result s32) (canon lift (core func $m "id"))))

(assert_return (invoke "u8" (u32.const 0x1ff)) (u8.const 255))
(assert_return (invoke "u8" (u32.const 0xffffff00)) (u8.const 0))
(assert_return (invoke "s8" (u32.const 0x80)) (s8.const -128))
(assert_return (invoke "s8" (u32.const 0x17f)) (s8.const 127))
(assert_return (invoke "u16" (u32.const 0x12345)) (u16.const 0x2345))
(assert_return (invoke "s16" (u32.const 0xffff)) (s16.const -1))
(assert_return (invoke "s32" (u32.const 0xffffffff)) (s32.const -1))

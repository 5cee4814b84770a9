;; A core parameter for a narrow integer holds it zero- or sign-extended.

(component
  (core module $M
    (func (export "id") (param i32) (result i32) (local.get 0)))
  (core instance $m (instantiate $M))
  (func (export "u8") (param "v" u8) (result u32) (canon lift (core func $m "id")))
  (func (export "s8") (param "v" s8) (result u32) (canon lift (core func $m "id")))
  (func (export "u16") (param "v" u16) (result u32) (canon lift (core func $m "id")))
  (func (export "s16") (param "v" s16) (result u32) (canon lift (core func $m "id"))))

(assert_return (invoke "u8" (u8.const 255)) (u32.const 255))
(assert_return (invoke "s8" (s8.const -1)) (u32.const 0xffffffff))
(assert_return (invoke "s8" (s8.const 127)) (u32.const 127))
(assert_return (invoke "u16" (u16.const 65535)) (u32.const 65535))
(assert_return (invoke "s16" (s16.const -32768)) (u32.const 0xffff8000))

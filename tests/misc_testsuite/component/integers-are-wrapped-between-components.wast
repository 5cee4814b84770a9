;; A component that passes more bits than the type has does not get them through to another.

(component
  (component $Callee
    (core module $M
      (func (export "id") (param i32) (result i32) (local.get 0)))
    (core instance $m (instantiate $M))
    (func (export "u8") (param "v" u8) (result u32) (canon lift (core func $m "id")))
    (func (export "s8") (param "v" s8) (result u32) (canon lift (core func $m "id")))
    (func (export "u16") (param "v" u16) (result u32) (canon lift (core func $m "id")))
    (func (export "s16") (param "v" s16) (result u32) (canon lift (core func $m "id"))))
  (component $Caller
    (import "callee" (instance $callee
      (export "u8" (func (param "v" u8) (result u32)))
      (export "s8" (func (param "v" s8) (result u32)))
      (export "u16" (func (param "v" u16) (result u32)))
      (export "s16" (func (param "v" s16) (result u32)))))
    (canon lower (func $callee "u8") (core func $u8))
    (canon lower (func $callee "s8") (core func $s8))
    (canon lower (func $callee "u16") (core func $u16))
    (canon lower (func $callee "s16") (core func $s16))
    (core module $M
      (import "" "u8" (func $u8 (param i32) (result i32)))
      (import "" "s8" (func $s8 (param i32) (result i32)))
      (import "" "u16" (func $u16 (param i32) (result i32)))
      (import "" "s16" (func $s16 (param i32) (result i32)))
      (func (export "u8") (param i32) (result i32) (call $u8 (local.get 0)))
      (func (export "s8") (param i32) (result i32) (call $s8 (local.get 0)))
      (func (export "u16") (param i32) (result i32) (call $u16 (local.get 0)))
      (func (export "s16") (param i32) (result i32) (call $s16 (local.get 0))))
    (core instance $m (instantiate $M (with "" (instance
      (export "u8" (func $u8)) (export "s8" (func $s8))
      (export "u16" (func $u16)) (export "s16" (func $s16))))))
    (func (export "u8") (param "v" u32) (result u32) (canon lift (core func $m "u8")))
    (func (export "s8") (param "v" u32) (result u32) (canon lift (core func $m "s8")))
    (func (export "u16") (param "v" u32) (result u32) (canon lift (core func $m "u16")))
    (func (export "s16") (param "v" u32) (result u32) (canon lift (core func $m "s16"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "callee" (instance $callee))))
  (func (export "u8") (alias export $caller "u8"))
  (func (export "s8") (alias export $caller "s8"))
  (func (export "u16") (alias export $caller "u16"))
  (func (export "s16") (alias export $caller "s16")))

(assert_return (invoke "u8" (u32.const 0xabc)) (u32.const 0xbc))
(assert_return (invoke "s8" (u32.const 0xff)) (u32.const 0xffffffff))
(assert_return (invoke "s8" (u32.const 0xff01)) (u32.const 1))
(assert_return (invoke "u16" (u32.const 0xabcdef)) (u32.const 0xcdef))
(assert_return (invoke "s16" (u32.const 0x18000)) (u32.const 0xffff8000))

;; A built-in can be lifted as it is: called from outside, `context.get` always gives zero.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (func (export "get") (result u32) (canon lift (core func $get)))
  (func (export "set") (param "value" u32) (canon lift (core func $set))))

(assert_return (invoke "get") (u32.const 0))
(assert_return (invoke "set" (u32.const 5)))
(assert_return (invoke "get") (u32.const 0))

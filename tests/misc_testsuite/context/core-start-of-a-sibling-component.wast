;; What the start function of one nested component leaves in the slots, that of the next does
;; not see.

(component
  (component $C
    (canon context.get i32 0 (core func $get))
    (canon context.set i32 0 (core func $set))
    (core module $M
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (global $seen (mut i32) (i32.const -1))
      (func $start
        (global.set $seen (call $get))
        (call $set (i32.const 17)))
      (start $start)
      (func (export "seen") (result i32) (global.get $seen)))
    (core instance $m (instantiate $M (with "" (instance
      (export "get" (func $get)) (export "set" (func $set))))))
    (func (export "seen") (result u32) (canon lift (core func $m "seen"))))
  (instance $a (instantiate $C))
  (instance $b (instantiate $C))
  (func (export "seen-a") (alias export $a "seen"))
  (func (export "seen-b") (alias export $b "seen")))

(assert_return (invoke "seen-a") (u32.const 0))
(assert_return (invoke "seen-b") (u32.const 0))

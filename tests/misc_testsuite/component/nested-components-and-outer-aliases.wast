;; A nested component can be instantiated by a deeper one through an outer alias, and each
;; instance has state of its own.

(component
  (component $Counter
    (core module $M
      (global $count (mut i32) (i32.const 0))
      (func (export "next") (result i32)
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (global.get $count)))
    (core instance $m (instantiate $M))
    (func (export "next") (result u32) (canon lift (core func $m "next"))))
  (component $Wrapper
    (alias outer 1 $Counter (component $Counter'))
    (instance $counter (instantiate $Counter'))
    (export "counter" (instance $counter)))
  (instance $own (instantiate $Counter))
  (instance $wrapped (instantiate $Wrapper))
  (alias export $wrapped "counter" (instance $deep))
  (func (export "own") (alias export $own "next"))
  (func (export "deep") (alias export $deep "next")))

(assert_return (invoke "own") (u32.const 1))
(assert_return (invoke "own") (u32.const 2))
(assert_return (invoke "deep") (u32.const 1))
(assert_return (invoke "own") (u32.const 3))

;; An enum is lifted from its discriminant; one that names no case traps.

(component definition $C
  (core module $M
    (func (export "id") (param i32) (result i32) (local.get 0)))
  (core instance $m (instantiate $M))
  (type $suit' (enum "clubs" "diamonds" "hearts"))
  (export $suit "suit" (type $suit'))
  (func (export "to-suit") (param "v" u32) (result $suit) (canon lift (core func $m "id")))
  (func (export "from-suit") (param "v" $suit) (result u32) (canon lift (core func $m "id"))))

(component instance $a $C)
(assert_return (invoke "to-suit" (u32.const 0)) (enum.const "clubs"))
(assert_return (invoke "to-suit" (u32.const 2)) (enum.const "hearts"))
(assert_return (invoke "from-suit" (enum.const "diamonds")) (u32.const 1))
(assert_trap (invoke "to-suit" (u32.const 3)) "discriminant")
(component instance $b $C)
(assert_trap (invoke "to-suit" (u32.const 0xffffffff)) "discriminant")

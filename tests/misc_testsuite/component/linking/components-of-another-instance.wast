;; A component that one instance exports, another imports and instantiates itself, with functions and
;; resources of its own.

(component
  (core module $add
    (import "" "f" (func $f (param i32) (result i32)))
    (global $n (mut i32) (i32.const 0))
    (func (export "g") (param i32) (result i32)
      (global.set $n (i32.add (global.get $n) (call $f (local.get 0))))
      (global.get $n)))
  (component $sum
    (import "thing" (type $thing (sub resource)))
    (import "value" (func $value (param "of" (borrow $thing)) (result u32)))
    (core func $value (canon lower (func $value)))
    (core instance $i (instantiate $add (with "" (instance (export "f" (func $value))))))
    (core func $drop (canon resource.drop $thing))
    (core module $m
      (import "" "g" (func $g (param i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "add") (param $thing i32) (result i32) (local $sum i32)
        (local.set $sum (call $g (local.get $thing)))
        (call $drop (local.get $thing))
        (local.get $sum)))
    (core instance $m (instantiate $m (with "" (instance
      (export "g" (func $i "g")) (export "drop" (func $drop))))))
    (func (export "add") (param "thing" (borrow $thing)) (result u32)
      (canon lift (core func $m "add"))))
  (export "sum" (component $sum)))
(register "sums")

(component $user
  (import "sums" (instance $sums (export "sum" (component
    (import "thing" (type $thing (sub resource)))
    (import "value" (func (param "of" (borrow $thing)) (result u32)))
    (export "add" (func (param "thing" (borrow $thing)) (result u32)))))))
  (alias export $sums "sum" (component $sum))
  (type $thing (resource (rep i32)))
  (core module $values
    (func (export "value") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 10))))
  (core instance $values (instantiate $values))
  (func $value (param "of" (borrow $thing)) (result u32)
    (canon lift (core func $values "value")))
  (instance $a (instantiate $sum (with "thing" (type $thing)) (with "value" (func $value))))
  (instance $b (instantiate $sum (with "thing" (type $thing)) (with "value" (func $value))))
  (core func $new (canon resource.new $thing))
  (core func $drop (canon resource.drop $thing))
  (core func $a (canon lower (func $a "add")))
  (core func $b (canon lower (func $b "add")))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (import "" "a" (func $a (param i32) (result i32)))
    (import "" "b" (func $b (param i32) (result i32)))
    (func (export "a") (param i32) (result i32) (local $sum i32)
      (local.set 0 (call $new (local.get 0)))
      (local.set $sum (call $a (local.get 0)))
      (call $drop (local.get 0))
      (local.get $sum))
    (func (export "b") (param i32) (result i32) (call $b (call $new (local.get 0)))))
  (core instance $m (instantiate $m (with "" (instance
    (export "new" (func $new)) (export "drop" (func $drop))
    (export "a" (func $a)) (export "b" (func $b))))))
  (func (export "a") (param "x" u32) (result u32) (canon lift (core func $m "a")))
  (func (export "b") (param "x" u32) (result u32) (canon lift (core func $m "b"))))

(assert_return (invoke "a" (u32.const 1)) (u32.const 10))
(assert_return (invoke "a" (u32.const 2)) (u32.const 30))
(assert_return (invoke "b" (u32.const 4)) (u32.const 40))

(assert_unlinkable
  (component
    (import "sums" (instance (export "sum" (component
      (import "thing" (type (sub resource)))
      (export "add" (func (result u32))))))))
  "it imports a function `value`, which the component does not give it")

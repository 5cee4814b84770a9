;; A declared subtype's functions may stand in for its supertype's, in calls and at links; a type of
;; the same shape that isn't declared so may not.

(module $types
  (type $animal (sub (func (result i32))))
  (type $dog (sub $animal (func (result i32))))
  (type $poodle (sub final $dog (func (result i32))))
  (type $plain (func (result i32)))
  (func $animal (export "animal") (type $animal) (i32.const 1))
  (func $dog (export "dog") (type $dog) (i32.const 2))
  (func $poodle (export "poodle") (type $poodle) (i32.const 3))
  (func $plain (export "plain") (type $plain) (i32.const 4))
  (table funcref (elem $animal $dog $poodle $plain))
  (func (export "call-animal") (param i32) (result i32)
    (call_indirect (type $animal) (local.get 0)))
  (func (export "call-dog") (param i32) (result i32)
    (call_indirect (type $dog) (local.get 0)))
  (func (export "call-poodle") (param i32) (result i32)
    (call_indirect (type $poodle) (local.get 0)))
  (func (export "call-plain") (param i32) (result i32)
    (call_indirect (type $plain) (local.get 0))))

(assert_return (invoke "call-animal" (i32.const 0)) (i32.const 1))
(assert_return (invoke "call-animal" (i32.const 1)) (i32.const 2))
(assert_return (invoke "call-animal" (i32.const 2)) (i32.const 3))
(assert_trap (invoke "call-animal" (i32.const 3)) "indirect call type mismatch")
(assert_trap (invoke "call-animal" (i32.const 4)) "undefined element")
(assert_trap (invoke "call-dog" (i32.const 0)) "indirect call type mismatch")
(assert_return (invoke "call-dog" (i32.const 2)) (i32.const 3))
(assert_trap (invoke "call-poodle" (i32.const 1)) "indirect call type mismatch")
(assert_return (invoke "call-poodle" (i32.const 2)) (i32.const 3))
(assert_trap (invoke "call-plain" (i32.const 0)) "indirect call type mismatch")
(assert_return (invoke "call-plain" (i32.const 3)) (i32.const 4))

(register "types" $types)

(module
  (type $animal (sub (func (result i32))))
  (type $dog (sub $animal (func (result i32))))
  (func $poodle (import "types" "poodle") (type $animal))
  (func $dog (import "types" "dog") (type $dog))
  (func (export "run") (result i32) (i32.add (call $poodle) (call $dog))))
(assert_return (invoke "run") (i32.const 5))

(assert_unlinkable
  (module
    (type $animal (sub (func (result i32))))
    (type $dog (sub $animal (func (result i32))))
    (func (import "types" "animal") (type $dog)))
  "incompatible import type")
(assert_unlinkable
  (module (func (import "types" "animal") (result i32)))
  "incompatible import type")

;; Two imports may be of one interface, each under a name of its own that says what it implements; what
;; is given goes by that name.
(component
  (component $User
    (import "one" (implements "a:b/c@1.0.0") (instance $one (export "f" (func (result u32)))))
    (import "two" (implements "a:b/c@1.0.0") (instance $two (export "f" (func (result u32)))))
    (core func $f1 (canon lower (func $one "f")))
    (core func $f2 (canon lower (func $two "f")))
    (core module $M
      (import "" "f1" (func $f1 (result i32)))
      (import "" "f2" (func $f2 (result i32)))
      (func (export "both") (result i32)
        (i32.add (i32.mul (call $f1) (i32.const 10)) (call $f2))))
    (core instance $m (instantiate $M (with "" (instance
      (export "f1" (func $f1)) (export "f2" (func $f2))))))
    (func (export "both") (result u32) (canon lift (core func $m "both"))))
  (core module $M
    (func (export "three") (result i32) (i32.const 3))
    (func (export "four") (result i32) (i32.const 4)))
  (core instance $m (instantiate $M))
  (func $three (result u32) (canon lift (core func $m "three")))
  (func $four (result u32) (canon lift (core func $m "four")))
  (instance $with-three (export "f" (func $three)))
  (instance $with-four (export "f" (func $four)))
  (instance $user (instantiate $User
    (with "two" (instance $with-four)) (with "one" (instance $with-three))))
  (export "both" (func $user "both")))

(assert_return (invoke "both") (u32.const 34))

;; Without it the import is missing, by its own name.
(assert_unlinkable
  (component (import "one" (implements "a:b/c@1.0.0") (instance (export "f" (func)))))
  "one")

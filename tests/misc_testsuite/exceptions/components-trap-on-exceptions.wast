;; An exception that reaches the border of a component is a trap, whoever called and however:
;; the caller's `catch_all` doesn't see it, and there is no such border within a component.

;; The host calls.
(component
  (core module $m
    (tag $t (param i32))
    (func (export "throw") (throw $t (i32.const 1)))
    (func (export "throw-and-catch") (result i32)
      (block $h (result i32)
        (try_table (catch $t $h) (throw $t (i32.const 7)))
        (i32.const 0))))
  (core instance $i (instantiate $m))
  (func (export "throw") (canon lift (core func $i "throw")))
  (func (export "caught") (result u32) (canon lift (core func $i "throw-and-catch"))))
(assert_return (invoke "caught") (u32.const 7))
(assert_trap (invoke "throw") "uncaught exception at the border of a component")

;; Another component calls, and would catch everything.
(component
  (component $Thrower
    (core module $m
      (tag $t)
      (func (export "throw") (param i32) (if (local.get 0) (then (throw $t)))))
    (core instance $i (instantiate $m))
    (func (export "throw") (param "x" u32) (canon lift (core func $i "throw"))))
  (component $Catcher
    (import "throw" (func $throw (param "x" u32)))
    (core func $lowered (canon lower (func $throw)))
    (core module $m
      (import "" "throw" (func $throw (param i32)))
      (func (export "run") (param i32) (result i32)
        (block $h
          (try_table (catch_all $h) (call $throw (local.get 0)))
          (return (i32.const 1)))
        (i32.const 2)))
    (core instance $i (instantiate $m
      (with "" (instance (export "throw" (func $lowered))))))
    (func (export "run") (param "x" u32) (result u32) (canon lift (core func $i "run"))))
  (instance $thrower (instantiate $Thrower))
  (instance $catcher (instantiate $Catcher (with "throw" (func $thrower "throw"))))
  (export "run" (func $catcher "run")))
(assert_return (invoke "run" (u32.const 0)) (u32.const 1))
(assert_trap (invoke "run" (u32.const 1)) "uncaught exception at the border of a component")

;; `post-return` throws.
(component
  (core module $m
    (tag $t)
    (func (export "f"))
    (func (export "post") (throw $t)))
  (core instance $i (instantiate $m))
  (func (export "f") (canon lift (core func $i "f") (post-return (core func $i "post")))))
(assert_trap (invoke "f") "uncaught exception at the border of a component")

;; A core module's start function throws.
(assert_trap
  (component
    (core module $m (tag $t) (func $f (throw $t)) (start $f))
    (core instance (instantiate $m)))
  "uncaught exception at the border of a component")

;; In a `post-return`, `resource.new` and `resource.drop` trap; `resource.rep` does not.

(component definition $C
  (type $R (resource (rep i32)))
  (canon resource.new $R (core func $new))
  (canon resource.rep $R (core func $rep))
  (canon resource.drop $R (core func $drop))
  (core module $M
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "rep" (func $rep (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "make") (result i32) (call $new (i32.const 5)))
    (func (export "post-new") (param i32) (drop (call $new (i32.const 5))))
    (func (export "post-rep") (param i32)
      (if (i32.ne (call $rep (local.get 0)) (i32.const 5)) (then unreachable)))
    (func (export "post-drop") (param i32) (call $drop (local.get 0))))
  (core instance $m (instantiate $M (with "" (instance
    (export "new" (func $new)) (export "rep" (func $rep)) (export "drop" (func $drop))))))
  (func (export "new") (result u32)
    (canon lift (core func $m "make") (post-return (core func $m "post-new"))))
  (func (export "rep") (result u32)
    (canon lift (core func $m "make") (post-return (core func $m "post-rep"))))
  (func (export "drop") (result u32)
    (canon lift (core func $m "make") (post-return (core func $m "post-drop")))))

(component instance $a $C)
(assert_return (invoke "rep") (u32.const 1))
(assert_trap (invoke "new") "cannot leave component instance")
(component instance $b $C)
(assert_trap (invoke "drop") "cannot leave component instance")

;; A trap in a destructor is a trap of the call that dropped: the instance is locked.

(component
  (core module $Dtor
    (func (export "dtor") (param i32) (if (i32.eq (local.get 0) (i32.const 13)) (then unreachable))))
  (core instance $dtor (instantiate $Dtor))
  (type $R (resource (rep i32) (dtor (core func $dtor "dtor"))))
  (canon resource.new $R (core func $new))
  (canon resource.drop $R (core func $drop))
  (core module $M
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "run") (param i32) (call $drop (call $new (local.get 0)))))
  (core instance $m (instantiate $M (with "" (instance
    (export "new" (func $new)) (export "drop" (func $drop))))))
  (func (export "run") (param "rep" u32) (canon lift (core func $m "run"))))

(assert_return (invoke "run" (u32.const 12)))
(assert_trap (invoke "run" (u32.const 13)) "unreachable")
(assert_trap (invoke "run" (u32.const 12)) "cannot enter component instance")

;; Core start functions run when their component is instantiated, in the order of its core
;; instances.

(component
  (core module $Log
    (global $log (mut i32) (i32.const 0))
    (func (export "add") (param i32)
      (global.set $log (i32.add (i32.mul (global.get $log) (i32.const 10)) (local.get 0))))
    (func (export "log") (result i32) (global.get $log)))
  (core instance $log (instantiate $Log))
  (core module $First
    (import "log" "add" (func $add (param i32)))
    (func $start (call $add (i32.const 1)))
    (start $start))
  (core module $Second
    (import "log" "add" (func $add (param i32)))
    (func $start (call $add (i32.const 2)))
    (start $start))
  (core instance (instantiate $First (with "log" (instance $log))))
  (core instance (instantiate $Second (with "log" (instance $log))))
  (core instance (instantiate $First (with "log" (instance $log))))
  (func (export "log") (result u32) (canon lift (core func $log "log"))))

(assert_return (invoke "log") (u32.const 121))

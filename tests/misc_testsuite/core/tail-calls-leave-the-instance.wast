;; Tail calls to imports: functions of another instance, which see their own instance, and the
;; host's.

(module $a
  (memory 1)
  (data (i32.const 0) "a")
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "trap") (result i32) unreachable))
(register "a")

(module
  (import "a" "load" (func $load (param i32) (result i32)))
  (import "a" "trap" (func $trap (result i32)))
  (import "spectest" "print_i32" (func $print (param i32)))
  (type $load (func (param i32) (result i32)))
  (memory 1)
  (data (i32.const 0) "b")
  (table funcref (elem $load))
  (func (export "direct") (result i32) (return_call $load (i32.const 0)))
  (func (export "indirect") (result i32)
    (return_call_indirect (type $load) (i32.const 0) (i32.const 0)))
  (func (export "trap") (result i32) (return_call $trap))
  (func (export "host") (return_call $print (i32.const 1)))
  (func $host_inner (return_call $print (i32.const 1)))
  (func (export "after host") (result i32) (call $host_inner) (i32.load8_u (i32.const 0))))

(assert_return (invoke "direct") (i32.const 97))
(assert_return (invoke "indirect") (i32.const 97))
(assert_trap (invoke "trap") "unreachable")
(assert_return (invoke "host"))
(assert_return (invoke "after host") (i32.const 98))

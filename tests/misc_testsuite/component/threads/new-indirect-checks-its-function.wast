;; `thread.new-indirect` traps if there is no function at that place of the table, or one of another
;; type; a thread that traps locks its instance.
(component definition $Threads
  (core module $Table (table (export "t") 4 funcref))
  (core instance $table (instantiate $Table))
  (core module $M
    (import "t" "t" (table 4 funcref))
    (import "" "new" (func $new (param i32 i32) (result i32)))
    (import "" "switch" (func $switch (param i32) (result i32)))
    (elem (i32.const 1) $no-parameter $traps)
    (func $no-parameter)
    (func $traps (param i32) (i32.store8 (i32.const 0) (i32.div_u (i32.const 1) (local.get 0))))
    (memory 1)
    (func (export "run") (param i32)
      (drop (call $switch (call $new (local.get 0) (i32.const 0))))))
  (core type $start (func (param i32)))
  (canon thread.new-indirect $start (core table $table "t") (core func $new))
  (canon thread.suspend-then-resume (core func $switch))
  (core instance $m (instantiate $M
    (with "t" (instance $table))
    (with "" (instance (export "new" (func $new)) (export "switch" (func $switch))))))
  (func (export "run") async (param "at" u32) (canon lift (core func $m "run"))))

(component instance $a $Threads)
(assert_trap (invoke "run" (u32.const 0)) "uninitialized element")
(component instance $b $Threads)
(assert_trap (invoke "run" (u32.const 1)) "indirect call type mismatch")
(component instance $c $Threads)
(assert_trap (invoke "run" (u32.const 4)) "undefined element")
(component instance $d $Threads)
(assert_trap (invoke "run" (u32.const 2)) "integer divide by zero")
(assert_trap (invoke "run" (u32.const 2)) "cannot enter component instance")

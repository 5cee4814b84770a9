;; A borrowed handle of an outer call may be dropped in an inner call into the same instance: it
;; is the outer call that counts it. An inner call that returns with handles of its own traps.

(component definition $C
  (component $Owner
    (type $R' (resource (rep i32)))
    (export $R "R" (type $R'))
    (canon resource.new $R' (core func $new))
    (core module $M
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "make") (result i32) (call $new (i32.const 100))))
    (core instance $m (instantiate $M (with "" (instance (export "new" (func $new))))))
    (func (export "make") (result (own $R)) (canon lift (core func $m "make"))))
  ;; Calls back whoever called, by way of a table in the parent.
  (core module $Table
    (table (export "t") 1 funcref)
    (type $f (func (param i32)))
    (func (export "call") (param i32) (call_indirect (type $f) (local.get 0) (i32.const 0))))
  (component $Borrower
    (import "owner" (instance $owner (export "R" (type $R (sub resource)))))
    (import "again" (func $again (param "how" u32)))
    (alias export $owner "R" (type $R))
    (canon resource.drop $R (core func $drop))
    (canon lower (func $again) (core func $again'))
    (core module $M
      (import "" "drop" (func $drop (param i32)))
      (import "" "again" (func $again (param i32)))
      (global $outer (mut i32) (i32.const 0))
      (func (export "outer") (param $h i32) (param $how i32)
        (global.set $outer (local.get $h))
        (call $again (local.get $how)))
      (func (export "inner") (param $h i32) (param $how i32)
        ;; 0: drops both. 1: drops the outer one only. 2: its own only.
        (if (i32.ne (local.get $how) (i32.const 2)) (then (call $drop (global.get $outer))))
        (if (i32.ne (local.get $how) (i32.const 1)) (then (call $drop (local.get $h))))))
    (core instance $m (instantiate $M (with "" (instance
      (export "drop" (func $drop)) (export "again" (func $again'))))))
    (func (export "outer") (param "r" (borrow $R)) (param "how" u32)
      (canon lift (core func $m "outer")))
    (func (export "inner") (param "r" (borrow $R)) (param "how" u32)
      (canon lift (core func $m "inner"))))
  (component $Parent
    (import "owner" (instance $owner
      (export "R" (type $R (sub resource)))
      (export "make" (func (result (own $R))))))
    (import "b" (component $B
      (import "owner" (instance $owner (export "R" (type $R (sub resource)))))
      (import "again" (func $again (param "how" u32)))
      (alias export $owner "R" (type $R))
      (export "outer" (func (param "r" (borrow $R)) (param "how" u32)))
      (export "inner" (func (param "r" (borrow $R)) (param "how" u32)))))
    (import "table" (core module $Table
      (export "t" (table 1 funcref))
      (export "call" (func (param i32)))))
    (core instance $table (instantiate $Table))
    (func $again (param "how" u32) (canon lift (core func $table "call")))
    (instance $b (instantiate $B
      (with "owner" (instance $owner)) (with "again" (func $again))))
    (canon lower (func $owner "make") (core func $make))
    (canon lower (func $b "outer") (core func $outer))
    (canon lower (func $b "inner") (core func $inner))
    (core module $M
      (import "" "t" (table 1 funcref))
      (import "" "make" (func $make (result i32)))
      (import "" "outer" (func $outer (param i32 i32)))
      (import "" "inner" (func $inner (param i32 i32)))
      (global $h (mut i32) (i32.const 0))
      (func $again (param i32) (call $inner (global.get $h) (local.get 0)))
      (elem (i32.const 0) func $again)
      (func (export "run") (param i32)
        (if (i32.eqz (global.get $h)) (then (global.set $h (call $make))))
        (call $outer (global.get $h) (local.get 0))))
    (core instance $m (instantiate $M (with "" (instance
      (export "t" (table $table "t")) (export "make" (func $make))
      (export "outer" (func $outer)) (export "inner" (func $inner))))))
    (func (export "run") (param "how" u32) (canon lift (core func $m "run"))))
  (instance $owner (instantiate $Owner))
  (instance $parent (instantiate $Parent
    (with "owner" (instance $owner)) (with "b" (component $Borrower))
    (with "table" (core module $Table))))
  (func (export "run") (alias export $parent "run")))

(component instance $a $C)
(assert_return (invoke "run" (u32.const 0)))
(assert_return (invoke "run" (u32.const 0)))
(assert_trap (invoke "run" (u32.const 1)) "borrow handles still remain at the end of the call")
(component instance $b $C)
(assert_trap (invoke "run" (u32.const 2)) "borrow handles still remain at the end of the call")

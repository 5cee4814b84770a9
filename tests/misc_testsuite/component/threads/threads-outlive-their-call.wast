;; A task lasts as long as its threads: one that was made by a call goes on after the call has
;; returned, when the host next turns the event loop, and its slots are what they were.
(component
  (core module $Table (table (export "t") 2 funcref))
  (core instance $table (instantiate $Table))
  (core module $M
    (import "t" "t" (table 2 funcref))
    (import "" "set" (func $set (param i32)))
    (import "" "get" (func $get (result i32)))
    (import "" "new" (func $new (param i32 i32) (result i32)))
    (import "" "later" (func $later (param i32)))
    (import "" "yield" (func $yield (result i32)))
    (global $sum (mut i32) (i32.const 0))
    (elem (i32.const 1) $background)
    (func $background (param $n i32)
      (call $set (local.get $n))
      (loop $again
        (drop (call $yield))
        (global.set $sum (i32.add (global.get $sum) (call $get)))
        (call $set (i32.sub (call $get) (i32.const 1)))
        (br_if $again (call $get))))
    (func (export "start") (param i32)
      (call $later (call $new (i32.const 1) (local.get 0))))
    ;; Lets others run until the sum is this.
    (func (export "wait-for") (param i32)
      (loop $again
        (drop (call $yield))
        (br_if $again (i32.ne (global.get $sum) (local.get 0))))))
  (core type $start (func (param i32)))
  (canon context.set i32 0 (core func $set))
  (canon context.get i32 0 (core func $get))
  (canon thread.new-indirect $start (core table $table "t") (core func $new))
  (canon thread.resume-later (core func $later))
  (canon thread.yield (core func $yield))
  (core instance $m (instantiate $M
    (with "t" (instance $table))
    (with "" (instance
      (export "set" (func $set)) (export "get" (func $get)) (export "new" (func $new))
      (export "later" (func $later)) (export "yield" (func $yield))))))
  (func (export "start") async (param "n" u32) (canon lift (core func $m "start")))
  (func (export "wait-for") async (param "sum" u32) (canon lift (core func $m "wait-for"))))

(assert_return (invoke "start" (u32.const 4)))
(assert_return (invoke "start" (u32.const 3)))
(assert_return (invoke "wait-for" (u32.const 16)))

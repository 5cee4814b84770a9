;; Each guest thread has its own context slots: two threads that resume each other in turn find what
;; they have set, a new one finds zeros, and a thread that has ended leaves nothing behind.
(component
  (core module $Table (table (export "t") 4 funcref))
  (core instance $table (instantiate $Table))
  (core module $M
    (import "t" "t" (table 4 funcref))
    (import "" "get0" (func $get0 (result i32)))
    (import "" "set0" (func $set0 (param i32)))
    (import "" "get1" (func $get1 (result i32)))
    (import "" "set1" (func $set1 (param i32)))
    (import "" "index" (func $index (result i32)))
    (import "" "new" (func $new (param i32 i32) (result i32)))
    (import "" "switch" (func $switch (param i32) (result i32)))
    (import "" "later" (func $later (param i32)))
    (import "" "yield" (func $yield (result i32)))
    (global $zeros (mut i32) (i32.const 0))
    (global $turns (mut i32) (i32.const 0))
    (elem (i32.const 1) $partner $bystander)

    ;; Notes in $zeros whether a fresh thread's slots are zero.
    (func $fresh
      (global.set $zeros (i32.add (global.get $zeros)
        (i32.and (i32.eqz (call $get0)) (i32.eqz (call $get1))))))

    ;; Resumes the thread that has made it, ten times, and counts in its own slots.
    (func $partner (param $maker i32)
      (call $fresh)
      (loop $again
        (call $set0 (i32.add (call $get0) (i32.const 3)))
        (call $set1 (i32.add (call $get1) (i32.const 0x1001)))
        (global.set $turns (i32.add (global.get $turns) (i32.const 1)))
        (if (i32.ne (call $switch (local.get $maker)) (i32.const 0)) (then unreachable))
        (if (i32.ne (call $get0) (i32.mul (global.get $turns) (i32.const 3))) (then unreachable))
        (br_if $again (i32.lt_u (global.get $turns) (i32.const 10))))
      (if (i32.ne (call $get1) (i32.const 0xA00A)) (then unreachable))
      (call $later (local.get $maker)))

    (func $bystander (param $maker i32)
      (call $fresh)
      (call $set0 (i32.const -1))
      (call $set1 (i32.const -1)))

    (func (export "run") (result i32)
      (local $partner i32)
      (call $set0 (i32.const 7))
      (call $set1 (i32.const 8))
      (call $later (call $new (i32.const 2) (call $index)))
      (local.set $partner (call $new (i32.const 1) (call $index)))
      (loop $again
        (drop (call $switch (local.get $partner)))
        (if (i32.ne (call $get0) (i32.const 7)) (then unreachable))
        (if (i32.ne (call $get1) (i32.const 8)) (then unreachable))
        (br_if $again (i32.lt_u (global.get $turns) (i32.const 10))))
      ;; It is suspended; this lets it end, and the bystander run.
      (drop (call $switch (local.get $partner)))
      (drop (call $yield))
      (if (i32.ne (call $get0) (i32.const 7)) (then unreachable))
      ;; The index of one that has ended is used again, by a thread whose slots are zero.
      (call $later (call $new (i32.const 2) (call $index)))
      (drop (call $yield))
      (if (i32.ne (call $get1) (i32.const 8)) (then unreachable))
      (i32.add (i32.mul (global.get $zeros) (i32.const 100)) (global.get $turns))))
  (core type $start (func (param i32)))
  (canon context.get i32 0 (core func $get0))
  (canon context.set i32 0 (core func $set0))
  (canon context.get i32 1 (core func $get1))
  (canon context.set i32 1 (core func $set1))
  (canon thread.index (core func $index))
  (canon thread.new-indirect $start (core table $table "t") (core func $new))
  (canon thread.suspend-then-resume (core func $switch))
  (canon thread.resume-later (core func $later))
  (canon thread.yield (core func $yield))
  (core instance $m (instantiate $M
    (with "t" (instance $table))
    (with "" (instance
      (export "get0" (func $get0)) (export "set0" (func $set0))
      (export "get1" (func $get1)) (export "set1" (func $set1))
      (export "index" (func $index)) (export "new" (func $new))
      (export "switch" (func $switch)) (export "later" (func $later))
      (export "yield" (func $yield))))))
  (func (export "run") async (result u32) (canon lift (core func $m "run"))))

(assert_return (invoke "run") (u32.const 310))

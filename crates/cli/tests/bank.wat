;; Two threads each add 1 to the same number in memory. With `racy` each lets others run between
;; reading it and writing it; with `careful` it lets them run before it reads.
(component
  (core module $libc
    (table (export "table") 2 funcref)
    (memory (export "memory") 1))
  (core instance $libc (instantiate $libc))
  (core type $body (func (param i32)))
  (core func $new (canon thread.new-indirect $body (core table $libc "table")))
  (core func $later (canon thread.resume-later))
  (core func $yield (canon thread.yield))
  (core func $return (canon task.return (result u32)))
  (core module $m
    (import "" "memory" (memory 1))
    (import "" "table" (table 2 funcref))
    (import "" "new" (func $new (param i32 i32) (result i32)))
    (import "" "later" (func $later (param i32)))
    (import "" "yield" (func $yield (result i32)))
    (import "" "return" (func $return (param i32)))
    (elem (i32.const 0) $racy $careful)
    ;; At 0 the number, at 4 how many threads are done.
    (func $done
      (i32.store (i32.const 4) (i32.add (i32.load (i32.const 4)) (i32.const 1))))
    (func $racy (param i32) (local $read i32)
      (local.set $read (i32.load (i32.const 0)))
      (drop (call $yield))
      (i32.store (i32.const 0) (i32.add (local.get $read) (i32.const 1)))
      (call $done))
    (func $careful (param i32)
      (drop (call $yield))
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
      (call $done))
    (func $run (param $body i32)
      (call $later (call $new (local.get $body) (i32.const 0)))
      (call $later (call $new (local.get $body) (i32.const 0)))
      (loop $wait
        (drop (call $yield))
        (br_if $wait (i32.lt_u (i32.load (i32.const 4)) (i32.const 2))))
      (call $return (i32.load (i32.const 0))))
    (func (export "racy") (call $run (i32.const 0)))
    (func (export "careful") (call $run (i32.const 1))))
  (core instance $i (instantiate $m (with "" (instance
    (export "memory" (memory $libc "memory"))
    (export "table" (table $libc "table"))
    (export "new" (func $new)) (export "later" (func $later))
    (export "yield" (func $yield)) (export "return" (func $return))))))
  (func (export "racy") async (result u32) (canon lift (core func $i "racy") async))
  (func (export "careful") async (result u32) (canon lift (core func $i "careful") async)))

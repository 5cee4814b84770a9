;; Two threads add to one counter and none of it is lost. A lock made of cmpxchg, wait and notify
;; protects another counter that is not changed atomically.

(module $m
  (memory (export "memory") 1 2 shared)
  (func (export "get") (param i32) (result i32) (i32.load (local.get 0))))

(thread $a (shared (module $m))
  (register "m" $m)
  (module
    (memory (import "m" "memory") 1 2 shared)
    (func $lock
      (loop $again
        (if (i32.atomic.rmw.cmpxchg (i32.const 8) (i32.const 0) (i32.const 1))
          (then
            (drop (memory.atomic.wait32 (i32.const 8) (i32.const 1) (i64.const -1)))
            (br $again)))))
    (func $unlock
      (i32.atomic.store (i32.const 8) (i32.const 0))
      (drop (memory.atomic.notify (i32.const 8) (i32.const 1))))
    (func (export "run") (param $n i32)
      (loop $again
        (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
        (call $lock)
        (i32.store (i32.const 16) (i32.add (i32.load (i32.const 16)) (i32.const 1)))
        (call $unlock)
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
  (invoke "run" (i32.const 20000)))

(thread $b (shared (module $m))
  (register "m" $m)
  (module
    (memory (import "m" "memory") 1 2 shared)
    (func $lock
      (loop $again
        (if (i32.atomic.rmw.cmpxchg (i32.const 8) (i32.const 0) (i32.const 1))
          (then
            (drop (memory.atomic.wait32 (i32.const 8) (i32.const 1) (i64.const -1)))
            (br $again)))))
    (func $unlock
      (i32.atomic.store (i32.const 8) (i32.const 0))
      (drop (memory.atomic.notify (i32.const 8) (i32.const 1))))
    (func (export "run") (param $n i32)
      (loop $again
        (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
        (call $lock)
        (i32.store (i32.const 16) (i32.add (i32.load (i32.const 16)) (i32.const 1)))
        (call $unlock)
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
  (invoke "run" (i32.const 20000)))

(wait $a)
(wait $b)
(assert_return (invoke $m "get" (i32.const 0)) (i32.const 40000))
(assert_return (invoke $m "get" (i32.const 16)) (i32.const 40000))

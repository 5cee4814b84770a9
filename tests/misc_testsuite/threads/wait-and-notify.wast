;; A thread waits until another has stored a value and notifies; nobody else is woken.

(module $m
  (memory (export "memory") 1 1 shared)
  (func (export "notify") (param $at i32) (param $count i32) (result i32)
    (memory.atomic.notify (local.get $at) (local.get $count)))
  ;; Notifies until somebody was there to be woken.
  (func (export "wake") (param $at i32)
    (loop $again
      (br_if $again
        (i32.eqz (memory.atomic.notify (local.get $at) (i32.const 1)))))
    (i32.atomic.store (local.get $at) (i32.const 1))
    (i32.atomic.store (i32.const 0) (i32.const 1))))

(thread $waiter (shared (module $m))
  (register "m" $m)
  (module
    (memory (import "m" "memory") 1 1 shared)
    (func (export "wait") (param $at i32) (result i32)
      (memory.atomic.wait32 (local.get $at) (i32.const 0) (i64.const -1)))
    ;; Until the other thread has stored what it stores.
    (func (export "spin")
      (loop $again
        (br_if $again (i32.eqz (i32.atomic.load (i32.const 0)))))))
  (assert_return (invoke "wait" (i32.const 8)) (i32.const 0))
  ;; The value is not what is expected any more.
  (invoke "spin")
  (assert_return (invoke "wait" (i32.const 8)) (i32.const 1)))

(invoke "wake" (i32.const 8))
(assert_return (invoke "notify" (i32.const 16) (i32.const 1)) (i32.const 0))
(wait $waiter)

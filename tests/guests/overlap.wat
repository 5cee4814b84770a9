;; Tasks that are suspended with live frames, for the world `overlap`.
;;
;; `work` is lifted without a callback, so it blocks with its frames on the
;; shadow stack. Each frame is filled with the task's number and checked after
;; every suspension: a task that finds another's bytes in its frame answers with
;; 1000 or more. With the stack pointer in a global, six tasks at once are enough
;; to see it happen; with one in each task's slot, and a stack for each, it must
;; not.
(module
  (import "$root" "sleep" (func $sleep (param i32)))
  (import "[export]$root" "[task-return]work" (func $return (param i32)))
  (memory (export "memory") 8)
  (global $__stack_pointer (mut i32) (i32.const 65536))
  (global $next_free (mut i32) (i32.const 65536))
  (global $live_blocks (mut i32) (i32.const 0))

  ;; Never uses a block twice. Like a real allocator, it has a frame.
  (func $malloc (export "malloc") (param $bytes i32) (result i32)
    (call $scribble)
    (global.set $live_blocks (i32.add (global.get $live_blocks) (i32.const 1)))
    (global.get $next_free)
    (global.set $next_free (i32.add (global.get $next_free) (local.get $bytes))))

  (func $free (export "free") (param $block i32)
    (call $scribble)
    (global.set $live_blocks (i32.sub (global.get $live_blocks) (i32.const 1))))

  (func $scribble (local $frame i32)
    (local.set $frame (i32.sub (global.get $__stack_pointer) (i32.const 64)))
    (global.set $__stack_pointer (local.get $frame))
    (memory.fill (local.get $frame) (i32.const 0xee) (i32.const 64))
    (global.set $__stack_pointer (i32.add (local.get $frame) (i32.const 64))))

  ;; How many blocks `malloc` gave that `free` hasn't taken: zero when all tasks
  ;; are done.
  (func (export "live-blocks") (result i32)
    (global.get $live_blocks))

  ;; How many bytes `malloc` ever gave.
  (func (export "allocated") (result i32)
    (i32.sub (global.get $next_free) (i32.const 65536)))

  ;; Gives `n * (depth + 1)`, after as many suspensions.
  (func $deep (param $n i32) (param $depth i32) (result i32)
    (local $frame i32) (local $sum i32)
    (local.set $frame (i32.sub (global.get $__stack_pointer) (i32.const 128)))
    (global.set $__stack_pointer (local.get $frame))
    (memory.fill (local.get $frame) (local.get $n) (i32.const 128))
    (if (local.get $depth)
      (then
        (local.set $sum
          (call $deep (local.get $n) (i32.sub (local.get $depth) (i32.const 1))))))
    (call $sleep (local.get $n))
    (if (i32.or
          (i32.ne (i32.load8_u (local.get $frame)) (local.get $n))
          (i32.ne (i32.load8_u offset=127 (local.get $frame)) (local.get $n)))
      (then (local.set $sum (i32.const 1000))))
    (global.set $__stack_pointer (i32.add (local.get $frame) (i32.const 128)))
    (i32.add (local.get $sum) (local.get $n)))

  ;; Answers `n * n + 9 * n`.
  (func (export "[async-lift-stackful]work") (param $n i32)
    (call $return
      (i32.add
        (i32.add
          (call $deep (local.get $n) (i32.const 3))
          (call $deep (local.get $n) (local.get $n)))
        (call $deep (local.get $n) (i32.const 3)))))
)

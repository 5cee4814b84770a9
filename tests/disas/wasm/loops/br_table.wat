;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; An interpreter's dispatch: a comparison, a load from the table of distances and a jump.
(module
  (memory 1)
  (func $f (export "f") (param $pc i32) (param $acc i32) (result i32)
    (loop $next
      (block $halt
        (block $double
          (block $increment
            (local.get $pc)
            (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
            (br_table $increment $double $halt (i32.load8_u)))
          (local.set $acc (i32.add (local.get $acc) (i32.const 1)))
          (br $next))
        (local.set $acc (i32.shl (local.get $acc) (i32.const 1)))
        (br $next)))
    (local.get $acc)))


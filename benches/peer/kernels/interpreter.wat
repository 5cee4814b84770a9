;; Branches: an interpreter of a small machine with eight instructions, by `br_table`. Its program
;; counts down from n and mixes an accumulator.
(module
  (memory 1)
  ;; add, mix, store, load, shift, skip if odd, decrement, jump to the start unless done
  (data (i32.const 0) "\00\03\01\02\00\05\04\01\03\00\04\02\01\06\07")
  (func (export "run") (param $n i32) (result i32)
    (local $pc i32) (local $a i32) (local $b i32) (local $op i32)
    (local.set $b (i32.const 3))
    (memory.fill (i32.const 1024) (i32.const 0) (i32.const 4096))
    (block $halt
      (loop $next
        (local.set $op (i32.load8_u (local.get $pc)))
        (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
        (block $jump (block $decrement (block $skip (block $shift (block $load (block $store
          (block $mix (block $add
            (br_table $add $mix $store $load $shift $skip $decrement $jump $halt (local.get $op)))
            (local.set $a (i32.add (local.get $a) (local.get $b)))
            (br $next))
            (local.set $a
              (i32.xor (i32.mul (local.get $a) (i32.const 31)) (i32.shr_u (local.get $a) (i32.const 7))))
            (br $next))
            (i32.store offset=1024 (i32.and (local.get $b) (i32.const 0xFFC)) (local.get $a))
            (br $next))
            (local.set $b
              (i32.add (local.get $b)
                (i32.load offset=1024 (i32.and (local.get $a) (i32.const 0xFFC)))))
            (br $next))
            (local.set $b (i32.xor (local.get $b) (i32.shl (local.get $a) (i32.const 3))))
            (br $next))
            (local.set $pc (i32.add (local.get $pc) (i32.and (local.get $a) (i32.const 1))))
            (br $next))
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br $next))
        (br_if $halt (i32.eqz (local.get $n)))
        (local.set $pc (i32.const 0))
        (br $next)))
    (i32.add (local.get $a) (local.get $b))))

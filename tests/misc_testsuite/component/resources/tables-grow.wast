;; A handle table grows as needed, and what is in it stays: handles are made and looked up by
;; the thousand, and freed indices come back last first.

(component
  (type $R (resource (rep i32)))
  (canon resource.new $R (core func $new))
  (canon resource.rep $R (core func $rep))
  (canon resource.drop $R (core func $drop))
  (core module $M
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "rep" (func $rep (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "run") (param $count i32)
      (local $i i32)
      (loop $make
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (if (i32.ne (call $new (i32.mul (local.get $i) (i32.const 3))) (local.get $i))
          (then unreachable))
        (br_if $make (i32.lt_u (local.get $i) (local.get $count))))
      (local.set $i (i32.const 0))
      (loop $look
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (if (i32.ne (call $rep (local.get $i)) (i32.mul (local.get $i) (i32.const 3)))
          (then unreachable))
        (call $drop (local.get $i))
        (br_if $look (i32.lt_u (local.get $i) (local.get $count))))
      (if (i32.ne (call $new (i32.const 1)) (local.get $count)) (then unreachable))
      (call $drop (local.get $count))
      (loop $refill
        (if (i32.ne (call $new (i32.const 1)) (local.get $i)) (then unreachable))
        (local.set $i (i32.sub (local.get $i) (i32.const 1)))
        (br_if $refill (local.get $i)))))
  (core instance $m (instantiate $M (with "" (instance
    (export "new" (func $new)) (export "rep" (func $rep)) (export "drop" (func $drop))))))
  (func (export "run") (param "count" u32) (canon lift (core func $m "run"))))

(assert_return (invoke "run" (u32.const 20000)))

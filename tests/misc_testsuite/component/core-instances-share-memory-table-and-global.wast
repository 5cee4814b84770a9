;; What one core module of a component exports, another imports: memory, table and global are
;; the same things in both.

(component
  (core module $A
    (memory (export "memory") 1)
    (table (export "table") 2 funcref)
    (global (export "global") (mut i32) (i32.const 5))
    (func $seven (result i32) (i32.const 7))
    (elem (i32.const 1) func $seven)
    (func (export "poke") (i32.store (i32.const 40) (i32.const 30))))
  (core instance $a (instantiate $A))
  (core module $B
    (import "a" "memory" (memory 1))
    (import "a" "table" (table 2 funcref))
    (import "a" "global" (global $global (mut i32)))
    (import "a" "poke" (func $poke))
    (func (export "run") (result i32)
      (call $poke)
      (global.set $global (i32.add (global.get $global) (i32.const 1)))
      (i32.add
        (i32.add (i32.load (i32.const 40)) (global.get $global))
        (i32.mul (call_indirect (result i32) (i32.const 1)) (i32.const 1000)))))
  (core instance $b (instantiate $B (with "a" (instance $a))))
  (func (export "run") (result u32) (canon lift (core func $b "run"))))

(assert_return (invoke "run") (u32.const 7036))
(assert_return (invoke "run") (u32.const 7037))

;;! proposals = { custom-page-sizes = true }

;; A memory whose size is no multiple of 64 kB: what the host reads and writes ends where it does.

(component definition $C
  (core module $M
    (memory (export "memory") 40 (pagesize 1))
    (data (i32.const 35) "abcde")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.sub (i32.const 40) (local.get 3)))
    (func (export "at") (param i32 i32) (result i32)
      (i32.store (i32.const 0) (local.get 0))
      (i32.store (i32.const 4) (local.get 1))
      (i32.const 0)))
  (core instance $m (instantiate $M))
  (func (export "at") (param "at" u32) (param "length" u32) (result string)
    (canon lift (core func $m "at") (memory (core memory $m "memory"))))
  (func (export "echo") (param "s" string) (result string)
    (canon lift (core func $m "at")
      (memory (core memory $m "memory")) (realloc (core func $m "realloc")))))

(component instance $ok $C)
(assert_return (invoke "at" (u32.const 35) (u32.const 5)) (str.const "abcde"))
(assert_return (invoke "echo" (str.const "up to the end")) (str.const "up to the end"))
(component instance $out-of-bounds $C)
(assert_trap (invoke "at" (u32.const 35) (u32.const 6)) "string pointer/length out of bounds of memory")

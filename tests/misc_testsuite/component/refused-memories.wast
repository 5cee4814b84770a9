;;! proposals = { custom-page-sizes = true }

;; Memories that the canonical ABI's code does not know how to address are refused where they are
;; given as an option.

(assert_invalid
  (component
    (core module $m
      (memory (export "m") i64 1)
      (func (export "f") (param i64 i64))
      (func (export "r") (param i64 i64 i64 i64) (result i64) (i64.const 0)))
    (core instance $i (instantiate $m))
    (func (export "f") (param "s" string)
      (canon lift (core func $i "f")
        (memory (core memory $i "m")) (realloc (core func $i "r")))))
  "a 64-bit memory as a canonical option is not supported yet (at offset")
(assert_invalid
  (component
    (core module $m
      (memory (export "m") 1 (pagesize 1))
      (func (export "f") (param i32 i32))
      (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
    (core instance $i (instantiate $m))
    (func (export "f") (param "s" string)
      (canon lift (core func $i "f")
        (memory (core memory $i "m")) (realloc (core func $i "r")))))
  "a memory with custom page sizes as a canonical option is not supported yet (at offset")

;; Others are the component's own business.
(component
  (core module $m (memory i64 1) (memory 1 (pagesize 1)) (func (export "f")))
  (core instance $i (instantiate $m))
  (func (export "f") (canon lift (core func $i "f"))))
(assert_return (invoke "f"))

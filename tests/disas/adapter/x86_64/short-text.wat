;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "Transcode"

;; A short text that is ASCII is copied by compiled code, 16 bytes at a time; the host is called for
;; any other, and for long ones.

(component
  (component $Callee
    (core module $M
      (memory (export "m") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))
      (func (export "f") (param i32 i32) (result i32) (local.get 1)))
    (core instance $m (instantiate $M))
    (func (export "f") (param "s" string) (result u32)
      (canon lift (core func $m "f") (memory (core memory $m "m"))
        (realloc (core func $m "realloc")))))
  (component $Caller
    (import "f" (func $f (param "s" string) (result u32)))
    (core module $Memory (memory (export "m") 1))
    (core instance $memory (instantiate $Memory))
    (core func $f' (canon lower (func $f) (memory (core memory $memory "m"))))
    (core module $M
      (import "" "f" (func $f (param i32 i32) (result i32)))
      (func (export "run") (result i32) (call $f (i32.const 0) (i32.const 100))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f')))))))
  (instance $callee (instantiate $Callee))
  (instance (instantiate $Caller (with "f" (func $callee "f")))))

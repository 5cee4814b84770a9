;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "caller"

;; A small adapter is part of its caller. What it checks are comparisons with a trap each.

(component
  (component $Callee
    (core module $M (func (export "f") (param i32) (result i32) (local.get 0)))
    (core instance $m (instantiate $M))
    (func (export "f") (param "c" char) (result u32) (canon lift (core func $m "f"))))
  (component $Caller
    (import "f" (func $f (param "c" char) (result u32)))
    (core func $f' (canon lower (func $f)))
    (core module $M
      (import "" "f" (func $f (param i32) (result i32)))
      (func $caller (export "run") (param i32) (result i32) (call $f (local.get 0))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f')))))))
  (instance $callee (instantiate $Callee))
  (instance (instantiate $Caller (with "f" (func $callee "f")))))
;; M::caller:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rdx, rsi
;;      7: xor edx, 0xd800
;;      d: sub edx, 0x800
;;     13: cmp edx, 0x10f800
;;     19: jae 0x27
;;     1f: mov rax, rsi
;;     22: mov rsp, rbp
;;     25: pop rbp
;;     26: ret
;;     27: ud2

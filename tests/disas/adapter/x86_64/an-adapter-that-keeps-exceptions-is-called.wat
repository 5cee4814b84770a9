;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "caller"

;; Where a module of the binary has a tag, an exception may come to an adapter, whose frame then is
;; the barrier that it doesn't pass: so the adapter isn't inlined.

(component
  (component $Callee
    (core module $M (tag) (func (export "f") (param i32) (result i32) (local.get 0)))
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
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0x25
;;     17: mov rdi, qword ptr [rdi + 0x28]
;;     1b: call <adapter f::adapter f>
;;     20: mov rsp, rbp
;;     23: pop rbp
;;     24: ret
;;     25: ud2

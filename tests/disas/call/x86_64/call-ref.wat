;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "call_ref"
;; A call through a typed reference looks at neither the type nor, but for the fault, at null.

(module
  (type $t (func (param i32) (result i32)))
  (func $call_ref (export "f") (param (ref null $t) i32) (result i32)
    (call_ref $t (local.get 1) (local.get 0))))
;; call_ref:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0x29
;;     17: mov r8, qword ptr [rsi]
;;     1a: mov rdi, qword ptr [rsi + 8]
;;     1e: mov rsi, rdx
;;     21: call r8
;;     24: mov rsp, rbp
;;     27: pop rbp
;;     28: ret
;;     29: ud2

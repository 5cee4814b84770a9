;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "caller"

;; Arguments on the stack are written as 64 bits, as they are read: a processor can't pass on 32 bits
;; that it has not yet written to memory to a load of 64.

(module
  (func $callee (param i32 i32 i32 i32 i32 i32 i64) (result i32)
    (if (i32.eqz (local.get 0)) (then unreachable))
    (i32.add (local.get 0) (local.get 5)))
  (func $caller (export "f") (param i32 i64) (result i32)
    (call $callee (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0)
      (i32.add (local.get 0) (i32.const 1)) (local.get 1))))
;; caller:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x20
;;      e: cmp r10, rsp
;;     11: ja 0x49
;;     17: sub rsp, 0x10
;;     1b: lea r8d, [rsi + 1]
;;     1f: mov r8d, r8d
;;     22: mov qword ptr [rsp], r8
;;     26: mov qword ptr [rsp + 8], rdx
;;     2b: mov r9, rsi
;;     2e: mov rcx, r9
;;     31: mov rdx, r9
;;     34: mov r8, r9
;;     37: call <callee>
;;     3c: sub rsp, 0x10
;;     40: add rsp, 0x10
;;     44: mov rsp, rbp
;;     47: pop rbp
;;     48: ret
;;     49: ud2

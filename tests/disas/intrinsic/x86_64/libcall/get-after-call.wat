;;! target = "x86_64"
;;! lowering = "libcall"
;;! function = "across-call"
;; A call may change a slot, so it is loaded again.

(component
  (core module $Other (func (export "call") (if (i32.const 0) (then unreachable))))
  (core instance $other (instantiate $Other))
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (import "" "call" (func $call))
    (func $across-call (export "f") (param i32) (result i32)
      (call $set (local.get 0))
      (call $call)
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "call" (func $other "call"))
    (export "get" (func $get)) (export "set" (func $set)))))))
;; M::across-call:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x20
;;      e: cmp r10, rsp
;;     11: ja 0x63
;;     17: sub rsp, 0x10
;;     1b: mov qword ptr [rsp], r12
;;     1f: mov qword ptr [rsp + 8], r13
;;     24: mov r9, rdi
;;     27: xor edi, edi
;;     29: mov r13, rdi
;;     2c: mov edx, esi
;;     2e: mov r12, r9
;;     31: mov rsi, r13
;;     34: mov rdi, r12
;;     37: call <builtin context.set>
;;     3c: mov rdi, qword ptr [r12 + 0x48]
;;     41: call <Other::call>
;;     46: mov rsi, r13
;;     49: mov rdi, r12
;;     4c: call <builtin context.get>
;;     51: mov r12, qword ptr [rsp]
;;     55: mov r13, qword ptr [rsp + 8]
;;     5a: add rsp, 0x10
;;     5e: mov rsp, rbp
;;     61: pop rbp
;;     62: ret
;;     63: ud2

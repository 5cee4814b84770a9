;;! target = "x86_64"
;;! lowering = "libcall"
;;! function = "across-call"
;; A call may change a slot, so it is loaded again.

(component
  (core module $Other (func (export "call")))
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
;;      7: mov r10, qword ptr [r10 + 0x10]
;;      b: add r10, 0x20
;;      f: cmp r10, rsp
;;     12: ja 0x64
;;     18: sub rsp, 0x10
;;     1c: mov qword ptr [rsp], r12
;;     20: mov qword ptr [rsp + 8], r13
;;     25: mov r9, rdi
;;     28: xor edi, edi
;;     2a: mov r13, rdi
;;     2d: mov edx, esi
;;     2f: mov r12, r9
;;     32: mov rsi, r13
;;     35: mov rdi, r12
;;     38: call <builtin context.set>
;;     3d: mov rdi, qword ptr [r12 + 0x48]
;;     42: call <Other::call>
;;     47: mov rsi, r13
;;     4a: mov rdi, r12
;;     4d: call <builtin context.get>
;;     52: mov r12, qword ptr [rsp]
;;     56: mov r13, qword ptr [rsp + 8]
;;     5b: add rsp, 0x10
;;     5f: mov rsp, rbp
;;     62: pop rbp
;;     63: ret
;;     64: ud2

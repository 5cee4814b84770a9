;;! target = "x86_64"
;;! lowering = "pinned"
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
;;     11: ja 0x44
;;     17: sub rsp, 0x10
;;     1b: mov qword ptr [rsp], r12
;;     1f: mov dword ptr [rdi - 0x10], esi
;;     22: mov r8, rdi
;;     25: mov rdi, qword ptr [r8 + 0x48]
;;     29: mov r12, r8
;;     2c: call <Other::call>
;;     31: mov rdi, r12
;;     34: mov eax, dword ptr [rdi - 0x10]
;;     37: mov r12, qword ptr [rsp]
;;     3b: add rsp, 0x10
;;     3f: mov rsp, rbp
;;     42: pop rbp
;;     43: ret
;;     44: ud2

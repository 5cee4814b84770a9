;;! target = "x86_64"
;;! lowering = "inline"
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
;;     11: ja 0x41
;;     17: sub rsp, 0x10
;;     1b: mov qword ptr [rsp], r12
;;     1f: mov r12, qword ptr [rdi + 0x18]
;;     23: mov dword ptr [r12], esi
;;     27: mov rdi, qword ptr [rdi + 0x48]
;;     2b: call <Other::call>
;;     30: mov eax, dword ptr [r12]
;;     34: mov r12, qword ptr [rsp]
;;     38: add rsp, 0x10
;;     3c: mov rsp, rbp
;;     3f: pop rbp
;;     40: ret
;;     41: ud2

;;! target = "x86_64"
;;! lowering = "pinned"
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
;;      b: add r10, 0x10
;;      f: cmp r10, rsp
;;     12: ja 0x32
;;     18: mov r8, r15
;;     1b: mov dword ptr [r8], esi
;;     1e: mov rdi, qword ptr [rdi + 0x48]
;;     22: call <Other::call>
;;     27: mov r8, r15
;;     2a: mov eax, dword ptr [r8]
;;     2d: mov rsp, rbp
;;     30: pop rbp
;;     31: ret
;;     32: ud2

;;! target = "x86_64"
;;! lowering = "out-of-line"
;;! function = "across-store"
;; A store to linear memory cannot change a slot, so a known value stays known.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (memory 1)
    (func $across-store (export "f") (param i32 i32) (result i32)
      (call $set (local.get 0))
      (i32.store (local.get 1) (local.get 0))
      (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set)))))))
;; M::across-store:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x30
;;      e: cmp r10, rsp
;;     11: ja 0x65
;;     17: sub rsp, 0x20
;;     1b: mov qword ptr [rsp], r12
;;     1f: mov qword ptr [rsp + 8], r13
;;     24: mov qword ptr [rsp + 0x10], r14
;;     29: mov r12, rdi
;;     2c: mov r13, rsi
;;     2f: mov r14, rdx
;;     32: call <intrinsic context.set i32 0>
;;     37: mov rdi, qword ptr [r12 + 0x20]
;;     3c: mov rdx, r14
;;     3f: mov r8d, edx
;;     42: mov dword ptr [rdi + r8], r13d
;;     46: mov rdi, r12
;;     49: call <intrinsic context.get i32 0>
;;     4e: mov r12, qword ptr [rsp]
;;     52: mov r13, qword ptr [rsp + 8]
;;     57: mov r14, qword ptr [rsp + 0x10]
;;     5c: add rsp, 0x20
;;     60: mov rsp, rbp
;;     63: pop rbp
;;     64: ret
;;     65: ud2

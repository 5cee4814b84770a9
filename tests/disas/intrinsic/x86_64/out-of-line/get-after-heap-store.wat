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
;;      7: mov r10, qword ptr [r10 + 0x10]
;;      b: add r10, 0x30
;;      f: cmp r10, rsp
;;     12: ja 0x66
;;     18: sub rsp, 0x20
;;     1c: mov qword ptr [rsp], r12
;;     20: mov qword ptr [rsp + 8], r13
;;     25: mov qword ptr [rsp + 0x10], r14
;;     2a: mov r12, rdi
;;     2d: mov r13, rsi
;;     30: mov r14, rdx
;;     33: call <intrinsic context.set i32 0>
;;     38: mov rdi, qword ptr [r12 + 0x20]
;;     3d: mov rdx, r14
;;     40: mov r8d, edx
;;     43: mov dword ptr [rdi + r8], r13d
;;     47: mov rdi, r12
;;     4a: call <intrinsic context.get i32 0>
;;     4f: mov r12, qword ptr [rsp]
;;     53: mov r13, qword ptr [rsp + 8]
;;     58: mov r14, qword ptr [rsp + 0x10]
;;     5d: add rsp, 0x20
;;     61: mov rsp, rbp
;;     64: pop rbp
;;     65: ret
;;     66: ud2

;;! target = "x86_64"
;;! lowering = "out-of-line"
;;! function = "both"
;; The two slots are neighbours: writing one does not make the other be loaded again.

(component
  (canon context.get i32 0 (core func $get0))
  (canon context.set i32 0 (core func $set0))
  (canon context.get i32 1 (core func $get1))
  (canon context.set i32 1 (core func $set1))
  (core module $M
    (import "" "get0" (func $get0 (result i32)))
    (import "" "set0" (func $set0 (param i32)))
    (import "" "get1" (func $get1 (result i32)))
    (import "" "set1" (func $set1 (param i32)))
    (func $both (export "f") (param i32) (result i32)
      (call $set0 (local.get 0))
      (call $set1 (i32.const 7))
      (i32.add (call $get0) (call $get1))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get0" (func $get0)) (export "set0" (func $set0)) (export "get1" (func $get1)) (export "set1" (func $set1)))))))
;; M::both:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x20
;;      e: cmp r10, rsp
;;     11: ja 0x59
;;     17: sub rsp, 0x10
;;     1b: mov qword ptr [rsp], r12
;;     1f: mov r12, rdi
;;     22: call <intrinsic context.set i32 0>
;;     27: mov esi, 7
;;     2c: mov rdi, r12
;;     2f: call <intrinsic context.set i32 1>
;;     34: mov rdi, r12
;;     37: call <intrinsic context.get i32 0>
;;     3c: mov rdi, r12
;;     3f: mov r12, rax
;;     42: call <intrinsic context.get i32 1>
;;     47: mov rcx, r12
;;     4a: add eax, ecx
;;     4c: mov r12, qword ptr [rsp]
;;     50: add rsp, 0x10
;;     54: mov rsp, rbp
;;     57: pop rbp
;;     58: ret
;;     59: ud2

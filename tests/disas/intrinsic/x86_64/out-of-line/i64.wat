;;! target = "x86_64"
;;! lowering = "out-of-line"
;;! function = "add"
;; A slot as i64 is read and written in one access as well.

(component
  (canon context.get i64 0 (core func $get))
  (canon context.set i64 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i64)))
    (import "" "set" (func $set (param i64)))
    (func $add (export "f") (param i64)
      (call $set (i64.add (call $get) (local.get 0)))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set)))))))
;; M::add:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x20
;;      e: cmp r10, rsp
;;     11: ja 0x4f
;;     17: sub rsp, 0x10
;;     1b: mov qword ptr [rsp], r12
;;     1f: mov qword ptr [rsp + 8], r13
;;     24: mov r12, rdi
;;     27: mov r13, rsi
;;     2a: call <intrinsic context.get i64 0>
;;     2f: mov rsi, r13
;;     32: add rsi, rax
;;     35: mov rdi, r12
;;     38: call <intrinsic context.set i64 0>
;;     3d: mov r12, qword ptr [rsp]
;;     41: mov r13, qword ptr [rsp + 8]
;;     46: add rsp, 0x10
;;     4a: mov rsp, rbp
;;     4d: pop rbp
;;     4e: ret
;;     4f: ud2

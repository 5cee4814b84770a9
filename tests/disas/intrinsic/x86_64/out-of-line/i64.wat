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
;;      7: mov r10, qword ptr [r10 + 0x10]
;;      b: add r10, 0x20
;;      f: cmp r10, rsp
;;     12: ja 0x50
;;     18: sub rsp, 0x10
;;     1c: mov qword ptr [rsp], r12
;;     20: mov qword ptr [rsp + 8], r13
;;     25: mov r12, rdi
;;     28: mov r13, rsi
;;     2b: call <intrinsic context.get i64 0>
;;     30: mov rsi, r13
;;     33: add rsi, rax
;;     36: mov rdi, r12
;;     39: call <intrinsic context.set i64 0>
;;     3e: mov r12, qword ptr [rsp]
;;     42: mov r13, qword ptr [rsp + 8]
;;     47: add rsp, 0x10
;;     4b: mov rsp, rbp
;;     4e: pop rbp
;;     4f: ret
;;     50: ud2

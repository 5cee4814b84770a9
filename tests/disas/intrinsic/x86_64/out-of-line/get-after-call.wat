;;! target = "x86_64"
;;! lowering = "out-of-line"
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
;;     12: ja 0x47
;;     18: sub rsp, 0x10
;;     1c: mov qword ptr [rsp], r12
;;     20: mov r12, rdi
;;     23: call <intrinsic context.set i32 0>
;;     28: mov rdi, qword ptr [r12 + 0x48]
;;     2d: call <Other::call>
;;     32: mov rdi, r12
;;     35: call <intrinsic context.get i32 0>
;;     3a: mov r12, qword ptr [rsp]
;;     3e: add rsp, 0x10
;;     42: mov rsp, rbp
;;     45: pop rbp
;;     46: ret
;;     47: ud2

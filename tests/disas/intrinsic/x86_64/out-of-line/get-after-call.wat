;;! target = "x86_64"
;;! lowering = "out-of-line"
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
;;     11: ja 0x46
;;     17: sub rsp, 0x10
;;     1b: mov qword ptr [rsp], r12
;;     1f: mov r12, rdi
;;     22: call <intrinsic context.set i32 0>
;;     27: mov rdi, qword ptr [r12 + 0x48]
;;     2c: call <Other::call>
;;     31: mov rdi, r12
;;     34: call <intrinsic context.get i32 0>
;;     39: mov r12, qword ptr [rsp]
;;     3d: add rsp, 0x10
;;     41: mov rsp, rbp
;;     44: pop rbp
;;     45: ret
;;     46: ud2

;;! target = "x86_64"
;;! lowering = "out-of-line"
;;! function = "frames"
;; A frame taken and given back each turn of a loop: the address of the slots is loaded once.

(component
  (canon context.get i32 0 (core func $get))
  (canon context.set i32 0 (core func $set))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (import "" "set" (func $set (param i32)))
    (memory 1)
    (func $frames (export "f") (param $n i32)
      (local $frame i32)
      (loop $again
        (call $set (local.tee $frame (i32.sub (call $get) (i32.const 16))))
        (i32.store (local.get $frame) (local.get $n))
        (call $set (i32.add (local.get $frame) (i32.const 16)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)) (export "set" (func $set)))))))
;; M::frames:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x40
;;      e: cmp r10, rsp
;;     11: ja 0x97
;;     17: sub rsp, 0x30
;;     1b: mov qword ptr [rsp], rbx
;;     1f: mov qword ptr [rsp + 8], r12
;;     24: mov qword ptr [rsp + 0x10], r13
;;     29: mov qword ptr [rsp + 0x18], r14
;;     2e: mov qword ptr [rsp + 0x20], r15
;;     33: mov r13, rsi
;;     36: mov r12, qword ptr [rdi + 0x20]
;;     3a: mov r15, rdi
;;     3d: mov rdi, r15
;;     40: call <intrinsic context.get i32 0>
;;     45: mov r14, rax
;;     48: sub r14d, 0x10
;;     4c: mov rbx, rax
;;     4f: mov rsi, r14
;;     52: mov rdi, r15
;;     55: call <intrinsic context.set i32 0>
;;     5a: mov dword ptr [r12 + r14], r13d
;;     5e: mov rsi, rbx
;;     61: mov rdi, r15
;;     64: call <intrinsic context.set i32 0>
;;     69: sub r13d, 1
;;     6d: test r13d, r13d
;;     70: jne 0x3d
;;     76: mov rbx, qword ptr [rsp]
;;     7a: mov r12, qword ptr [rsp + 8]
;;     7f: mov r13, qword ptr [rsp + 0x10]
;;     84: mov r14, qword ptr [rsp + 0x18]
;;     89: mov r15, qword ptr [rsp + 0x20]
;;     8e: add rsp, 0x30
;;     92: mov rsp, rbp
;;     95: pop rbp
;;     96: ret
;;     97: ud2

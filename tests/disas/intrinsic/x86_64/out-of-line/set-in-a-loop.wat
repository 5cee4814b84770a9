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
;;      7: mov r10, qword ptr [r10 + 0x10]
;;      b: add r10, 0x40
;;      f: cmp r10, rsp
;;     12: ja 0x98
;;     18: sub rsp, 0x30
;;     1c: mov qword ptr [rsp], rbx
;;     20: mov qword ptr [rsp + 8], r12
;;     25: mov qword ptr [rsp + 0x10], r13
;;     2a: mov qword ptr [rsp + 0x18], r14
;;     2f: mov qword ptr [rsp + 0x20], r15
;;     34: mov r13, rsi
;;     37: mov r12, qword ptr [rdi + 0x20]
;;     3b: mov r15, rdi
;;     3e: mov rdi, r15
;;     41: call <intrinsic context.get i32 0>
;;     46: mov r14, rax
;;     49: sub r14d, 0x10
;;     4d: mov rbx, rax
;;     50: mov rsi, r14
;;     53: mov rdi, r15
;;     56: call <intrinsic context.set i32 0>
;;     5b: mov dword ptr [r12 + r14], r13d
;;     5f: mov rsi, rbx
;;     62: mov rdi, r15
;;     65: call <intrinsic context.set i32 0>
;;     6a: sub r13d, 1
;;     6e: test r13d, r13d
;;     71: jne 0x3e
;;     77: mov rbx, qword ptr [rsp]
;;     7b: mov r12, qword ptr [rsp + 8]
;;     80: mov r13, qword ptr [rsp + 0x10]
;;     85: mov r14, qword ptr [rsp + 0x18]
;;     8a: mov r15, qword ptr [rsp + 0x20]
;;     8f: add rsp, 0x30
;;     93: mov rsp, rbp
;;     96: pop rbp
;;     97: ret
;;     98: ud2

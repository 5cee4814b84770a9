;;! target = "x86_64"
;;! lowering = "out-of-line"
;;! function = "sum$"
;; In a loop without calls and sets nothing about the slot is loaded again each turn.

(component
  (canon context.get i32 0 (core func $get))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (func $sum (export "f") (param $n i32) (result i32)
      (local $sum i32)
      (loop $again
        (local.set $sum (i32.add (local.get $sum) (call $get)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $sum)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)))))))
;; M::sum:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10 + 0x10]
;;      b: add r10, 0x30
;;      f: cmp r10, rsp
;;     12: ja 0x75
;;     18: sub rsp, 0x20
;;     1c: mov qword ptr [rsp], r12
;;     20: mov qword ptr [rsp + 8], r13
;;     25: mov qword ptr [rsp + 0x10], r14
;;     2a: mov r12, rsi
;;     2d: mov r13, rdi
;;     30: xor eax, eax
;;     32: mov r14, rax
;;     35: mov rdi, r13
;;     38: call <intrinsic context.get i32 0>
;;     3d: mov rsi, r12
;;     40: sub esi, 1
;;     43: mov rcx, r14
;;     46: add ecx, eax
;;     48: mov r14, rcx
;;     4b: test esi, esi
;;     4d: je 0x5b
;;     53: mov r12, rsi
;;     56: jmp 0x35
;;     5b: mov rax, r14
;;     5e: mov r12, qword ptr [rsp]
;;     62: mov r13, qword ptr [rsp + 8]
;;     67: mov r14, qword ptr [rsp + 0x10]
;;     6c: add rsp, 0x20
;;     70: mov rsp, rbp
;;     73: pop rbp
;;     74: ret
;;     75: ud2

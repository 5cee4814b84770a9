;;! target = "x86_64"
;;! lowering = "out-of-line"
;;! function = "sum$"
;; In a loop the slot is read each turn, as a global would be, but where it is is found once.

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
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x30
;;      e: cmp r10, rsp
;;     11: ja 0x74
;;     17: sub rsp, 0x20
;;     1b: mov qword ptr [rsp], r12
;;     1f: mov qword ptr [rsp + 8], r13
;;     24: mov qword ptr [rsp + 0x10], r14
;;     29: mov r12, rsi
;;     2c: mov r13, rdi
;;     2f: xor eax, eax
;;     31: mov r14, rax
;;     34: mov rdi, r13
;;     37: call <intrinsic context.get i32 0>
;;     3c: mov rsi, r12
;;     3f: sub esi, 1
;;     42: mov rcx, r14
;;     45: add ecx, eax
;;     47: mov r14, rcx
;;     4a: test esi, esi
;;     4c: je 0x5a
;;     52: mov r12, rsi
;;     55: jmp 0x34
;;     5a: mov rax, r14
;;     5d: mov r12, qword ptr [rsp]
;;     61: mov r13, qword ptr [rsp + 8]
;;     66: mov r14, qword ptr [rsp + 0x10]
;;     6b: add rsp, 0x20
;;     6f: mov rsp, rbp
;;     72: pop rbp
;;     73: ret
;;     74: ud2

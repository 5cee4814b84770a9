;;! target = "x86_64"
;;! lowering = "libcall"
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
;;     12: ja 0x77
;;     18: sub rsp, 0x20
;;     1c: mov qword ptr [rsp], rbx
;;     20: mov qword ptr [rsp + 8], r12
;;     25: mov qword ptr [rsp + 0x10], r14
;;     2a: mov r12, rsi
;;     2d: mov r14, rdi
;;     30: xor eax, eax
;;     32: mov rbx, rax
;;     35: xor esi, esi
;;     37: mov rdi, r14
;;     3a: call <builtin context.get>
;;     3f: mov rsi, r12
;;     42: sub esi, 1
;;     45: mov rcx, rbx
;;     48: add ecx, eax
;;     4a: mov rbx, rcx
;;     4d: test esi, esi
;;     4f: je 0x5d
;;     55: mov r12, rsi
;;     58: jmp 0x35
;;     5d: mov rax, rbx
;;     60: mov rbx, qword ptr [rsp]
;;     64: mov r12, qword ptr [rsp + 8]
;;     69: mov r14, qword ptr [rsp + 0x10]
;;     6e: add rsp, 0x20
;;     72: mov rsp, rbp
;;     75: pop rbp
;;     76: ret
;;     77: ud2

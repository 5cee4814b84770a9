;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "cmpxchg"

;; A compare-exchange; one that is narrower than its operands matches nothing that does not fit.
(module
  (memory 1 1 shared)
  (func $cmpxchg (param i32 i32 i32) (result i32)
    (i32.atomic.rmw.cmpxchg (local.get 0) (local.get 1) (local.get 2)))
  (func $cmpxchg-byte (param i32 i32 i32) (result i32)
    (i32.atomic.rmw8.cmpxchg_u (local.get 0) (local.get 1) (local.get 2))))

;; cmpxchg:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: test esi, 3
;;      a: jne 0x28
;;     10: mov r10, qword ptr [rdi + 0x20]
;;     14: mov r10, qword ptr [r10]
;;     17: mov r11d, esi
;;     1a: mov rax, rdx
;;     1d: lock cmpxchg dword ptr [r10 + r11], ecx
;;     23: mov rsp, rbp
;;     26: pop rbp
;;     27: ret
;;     28: ud2
;; cmpxchg-byte:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r11, qword ptr [rdi + 0x20]
;;      8: mov r11, qword ptr [r11]
;;      b: mov edi, esi
;;      d: movzx esi, dl
;;     11: cmp esi, edx
;;     13: mov rsi, rdx
;;     16: cmove esi, ecx
;;     19: mov rax, rdx
;;     1c: lock cmpxchg byte ptr [r11 + rdi], sil
;;     22: movzx eax, al
;;     25: mov rsp, rbp
;;     28: pop rbp
;;     29: ret

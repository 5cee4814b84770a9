;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "func.0."

;; A short copy of constant length is two comparisons, then loads, then stores; the last ones overlap
;; those before.

(module
  (memory 1)
  (func (param i32 i32) (memory.copy (local.get 0) (local.get 1) (i32.const 23))))
;; func[0]:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, qword ptr [rdi + 0x28]
;;      8: mov r11d, esi
;;      b: lea rcx, [r11 + 0x17]
;;      f: cmp rcx, rax
;;     12: ja 0x48
;;     18: mov ecx, edx
;;     1a: lea rdx, [rcx + 0x17]
;;     1e: cmp rdx, rax
;;     21: ja 0x4a
;;     27: mov rax, qword ptr [rdi + 0x20]
;;     2b: vmovdqu xmm0, xmmword ptr [rax + rcx]
;;     30: vmovdqu xmm1, xmmword ptr [rax + rcx + 7]
;;     36: vmovdqu xmmword ptr [rax + r11], xmm0
;;     3c: vmovdqu xmmword ptr [rax + r11 + 7], xmm1
;;     43: mov rsp, rbp
;;     46: pop rbp
;;     47: ret
;;     48: ud2
;;     4a: ud2

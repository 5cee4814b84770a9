;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "func.0."

;; An offset larger than the guard takes a comparison of the access's end with the length.

(module
  (memory 1)
  (func (param i32 i32) (i32.store offset=0x4000000 (local.get 0) (local.get 1))))

;; func[0]:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r11, qword ptr [rdi + 0x28]
;;      8: mov ecx, esi
;;      a: lea rsi, [rcx + 0x4000004]
;;     11: xor rax, rax
;;     14: mov rdi, qword ptr [rdi + 0x20]
;;     18: lea r10, [rdi + rcx + 0x4000000]
;;     20: cmp rsi, r11
;;     23: cmova r10, rax
;;     27: mov dword ptr [r10], edx
;;     2a: mov rsp, rbp
;;     2d: pop rbp
;;     2e: ret

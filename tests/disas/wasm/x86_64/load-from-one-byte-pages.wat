;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "func.0."
;;! proposals = { custom-page-sizes = true }

;; Nothing faults at the end of such a memory, so that the end of each access is compared.

(module
  (memory 100 (pagesize 1))
  (func (param i32) (result i32) (i32.load offset=16 (local.get 0))))

;; func[0]:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi + 0x28]
;;      8: mov esi, esi
;;      a: lea rax, [rsi + 0x14]
;;      e: xor r11, r11
;;     11: add rsi, qword ptr [rdi + 0x20]
;;     15: cmp rax, r10
;;     18: cmova rsi, r11
;;     1c: mov eax, dword ptr [rsi + 0x10]
;;     1f: mov rsp, rbp
;;     22: pop rbp
;;     23: ret

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
;;      4: mov esi, esi
;;      6: lea r8, [rsi + 0x14]
;;      a: cmp r8, qword ptr [rdi + 0x28]
;;      e: ja 0x22
;;     14: mov r8, qword ptr [rdi + 0x20]
;;     18: mov eax, dword ptr [r8 + rsi + 0x10]
;;     1d: mov rsp, rbp
;;     20: pop rbp
;;     21: ret
;;     22: ud2

;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "func.0."

;; An offset larger than the guard and the memory: the end of the access must not wrap around.

(module
  (memory i64 1)
  (func (param i64) (result i32) (i32.load offset=0x4000000 (local.get 0))))

;; func[0]:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi + 0x28]
;;      8: mov r11, rsi
;;      b: add r11, 0x4000004
;;     12: jb 0x35
;;     18: mov rcx, qword ptr [rdi + 0x20]
;;     1c: xor rax, rax
;;     1f: lea rcx, [rcx + rsi + 0x4000000]
;;     27: cmp r11, r10
;;     2a: cmova rcx, rax
;;     2e: mov eax, dword ptr [rcx]
;;     30: mov rsp, rbp
;;     33: pop rbp
;;     34: ret
;;     35: ud2

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
;;      4: mov r8, qword ptr [rdi + 0x28]
;;      8: mov r9, rsi
;;      b: add r9, 0x4000004
;;     12: jb 0x32
;;     18: cmp r9, r8
;;     1b: ja 0x34
;;     21: mov r9, qword ptr [rdi + 0x20]
;;     25: mov eax, dword ptr [r9 + rsi + 0x4000000]
;;     2d: mov rsp, rbp
;;     30: pop rbp
;;     31: ret
;;     32: ud2
;;     34: ud2

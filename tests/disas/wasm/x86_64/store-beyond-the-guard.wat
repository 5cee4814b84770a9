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
;;      4: mov esi, esi
;;      6: lea r8, [rsi + 0x4000004]
;;      d: cmp r8, qword ptr [rdi + 0x28]
;;     11: ja 0x28
;;     17: mov r8, qword ptr [rdi + 0x20]
;;     1b: mov dword ptr [r8 + rsi + 0x4000000], edx
;;     23: mov rsp, rbp
;;     26: pop rbp
;;     27: ret
;;     28: ud2

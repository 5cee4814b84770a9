;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "func"
;;! proposals = { custom-page-sizes = true }

;; A constant index is part of the displacement, and what is below a memory's smallest size needs no
;; check, in whatever memory.

(module
  (memory $m32 1)
  (memory $m64 i64 1)
  (memory $bytes 100 (pagesize 1))
  (func (result i32) (i32.load $m32 offset=16 (i32.const 1024)))
  (func (result i32) (i32.load $m64 offset=16 (i64.const 1024)))
  (func (result i32) (i32.load $bytes offset=16 (i32.const 80))))

;; func[0]:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rsi, qword ptr [rdi + 0x20]
;;      8: mov eax, dword ptr [rsi + 0x410]
;;      e: mov rsp, rbp
;;     11: pop rbp
;;     12: ret
;; func[1]:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rsi, qword ptr [rdi + 0x30]
;;      8: mov eax, dword ptr [rsi + 0x410]
;;      e: mov rsp, rbp
;;     11: pop rbp
;;     12: ret
;; func[2]:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rsi, qword ptr [rdi + 0x40]
;;      8: mov eax, dword ptr [rsi + 0x60]
;;      b: mov rsp, rbp
;;      e: pop rbp
;;      f: ret

;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "byte"

;; An access of a byte is always aligned, so nothing is checked. What is read is zero-extended.
(module
  (memory 1 1 shared)
  (func $load-byte (param i32) (result i64) (i64.atomic.load8_u (local.get 0)))
  (func $store-byte (param i32 i64) (i64.atomic.store8 (local.get 0) (local.get 1))))

;; load-byte:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rdi, qword ptr [rdi + 0x20]
;;      8: mov rdi, qword ptr [rdi]
;;      b: mov r8d, esi
;;      e: movzx rdi, byte ptr [rdi + r8]
;;     13: movzx rax, dil
;;     17: mov rsp, rbp
;;     1a: pop rbp
;;     1b: ret
;; store-byte:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rdi, qword ptr [rdi + 0x20]
;;      8: mov rdi, qword ptr [rdi]
;;      b: mov esi, esi
;;      d: mov byte ptr [rdi + rsi], dl
;;     10: mfence
;;     13: mov rsp, rbp
;;     16: pop rbp
;;     17: ret

;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "func.0."

;; The checks of `call_indirect`, then a jump.

(module
  (type $ty (func (param i32) (result i32)))
  (table 2 2 funcref)
  (func (param i32 i32) (result i32)
    (return_call_indirect (type $ty) (local.get 0) (local.get 1))))

;; func[0]:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0x49
;;     17: xor rax, rax
;;     1a: mov rcx, qword ptr [rdi + 0x20]
;;     1e: mov r8d, edx
;;     21: lea rcx, [rcx + r8*8]
;;     25: cmp edx, 2
;;     28: cmovae rcx, rax
;;     2c: mov rax, qword ptr [rcx]
;;     2f: mov ecx, dword ptr [rax + 0x10]
;;     32: cmp ecx, dword ptr [rdi + 0x30]
;;     35: jne 0x4b
;;     3b: mov r10, qword ptr [rax]
;;     3e: mov rdi, qword ptr [rax + 8]
;;     42: mov rsp, rbp
;;     45: pop rbp
;;     46: jmp r10
;;     49: ud2
;;     4b: ud2

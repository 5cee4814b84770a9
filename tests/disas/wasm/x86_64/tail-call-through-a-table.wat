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
;;     11: ja 0x44
;;     17: cmp edx, 2
;;     1a: jae 0x46
;;     20: mov rax, qword ptr [rdi + 0x20]
;;     24: mov ecx, edx
;;     26: mov rax, qword ptr [rax + rcx*8]
;;     2a: mov ecx, dword ptr [rax + 0x10]
;;     2d: cmp ecx, dword ptr [rdi + 0x30]
;;     30: jne 0x48
;;     36: mov r10, qword ptr [rax]
;;     39: mov rdi, qword ptr [rax + 8]
;;     3d: mov rsp, rbp
;;     40: pop rbp
;;     41: jmp r10
;;     44: ud2
;;     46: ud2
;;     48: ud2

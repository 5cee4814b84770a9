;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^(wait|notify)"

;; Waiting and notifying go to the host, which checks alignment and bounds; that of 64 bits is the
;; same with another builtin.
(module
  (memory 1 1 shared)
  (func $wait (export "wait") (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 offset=8 (local.get 0) (local.get 1) (local.get 2)))
  (func $notify (export "notify") (param i32 i32) (result i32)
    (memory.atomic.notify (local.get 0) (local.get 1))))

;; wait:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0x39
;;     17: mov rax, rsi
;;     1a: mov r8, rdx
;;     1d: xor esi, esi
;;     1f: mov r9d, eax
;;     22: lea rdx, [r9 + 8]
;;     26: mov rax, rcx
;;     29: mov rcx, r8
;;     2c: mov r8, rax
;;     2f: call <builtin memory.atomic.wait32>
;;     34: mov rsp, rbp
;;     37: pop rbp
;;     38: ret
;;     39: ud2
;; notify:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi]
;;      7: mov r10, qword ptr [r10]
;;      a: add r10, 0x10
;;      e: cmp r10, rsp
;;     11: ja 0x2c
;;     17: mov rcx, rdx
;;     1a: mov r11, rsi
;;     1d: xor esi, esi
;;     1f: mov edx, r11d
;;     22: call <builtin memory.atomic.notify>
;;     27: mov rsp, rbp
;;     2a: pop rbp
;;     2b: ret
;;     2c: ud2

;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; FNV-1a: a load, an exclusive or and a multiplication.
(module
  (memory 1)
  (func $f (export "f") (param $p i32) (param $end i32) (result i64)
    (local $hash i64)
    (local.set $hash (i64.const 0xcbf29ce484222325))
    (loop $next
      (local.set $hash
        (i64.mul
          (i64.xor (local.get $hash) (i64.load8_u (local.get $p)))
          (i64.const 0x100000001b3)))
      (br_if $next
        (i32.lt_u
          (local.tee $p (i32.add (local.get $p) (i32.const 1)))
          (local.get $end))))
    (local.get $hash)))

;; f:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: movabs rax, 0xcbf29ce484222325
;;      e: mov rcx, qword ptr [rdi + 0x20]
;;     12: mov edi, esi
;;     14: movzx rdi, byte ptr [rcx + rdi]
;;     19: add esi, 1
;;     1f: xor rax, rdi
;;     22: imul rax, qword ptr [rip + 0xe]
;;     2a: cmp esi, edx
;;     2c: jb 0x12
;;     32: mov rsp, rbp
;;     35: pop rbp
;;     36: ret
;;     37: add byte ptr [rbx + 1], dh
;;     3d: add dword ptr [rax], eax

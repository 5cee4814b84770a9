;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; Minimum and maximum by `select`: conditional moves, no branches.
(module
  (memory 1)
  (func $f (export "f") (param $p i32) (param $end i32) (result i32 i32)
    (local $min i32) (local $max i32) (local $x i32)
    (loop $next
      (local.set $x (i32.load (local.get $p)))
      (local.set $min
        (select (local.get $x) (local.get $min) (i32.lt_s (local.get $x) (local.get $min))))
      (local.set $max
        (select (local.get $x) (local.get $max) (i32.gt_s (local.get $x) (local.get $max))))
      (br_if $next
        (i32.lt_u
          (local.tee $p (i32.add (local.get $p) (i32.const 4)))
          (local.get $end))))
    (local.get $min) (local.get $max)))

;; f:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, rdi
;;      7: xor edi, edi
;;      9: mov r8, qword ptr [rax + 0x20]
;;      d: mov r10, rdi
;;     10: mov eax, esi
;;     12: mov ecx, dword ptr [r8 + rax]
;;     16: add esi, 4
;;     1c: cmp edi, ecx
;;     1e: mov rax, rcx
;;     21: cmovl eax, edi
;;     24: cmp r10d, ecx
;;     27: cmovge ecx, r10d
;;     2b: cmp esi, edx
;;     2d: jae 0x3e
;;     33: mov rdi, rax
;;     36: mov r10, rcx
;;     39: jmp 0x10
;;     3e: mov rsp, rbp
;;     41: pop rbp
;;     42: ret

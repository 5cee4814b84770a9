;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; A byte at a time from one place to another, with both addresses counted up.
(module
  (memory 1)
  (func $f (export "f") (param $to i32) (param $from i32) (param $n i32)
    (loop $next
      (i32.store8 (local.get $to) (i32.load8_u (local.get $from)))
      (local.set $to (i32.add (local.get $to) (i32.const 1)))
      (local.set $from (i32.add (local.get $from) (i32.const 1)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))

;; f:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, qword ptr [rdi + 0x20]
;;      8: mov edi, edx
;;      a: movzx rdi, byte ptr [rax + rdi]
;;      f: mov r8d, esi
;;     12: mov byte ptr [rax + r8], dil
;;     16: sub ecx, 1
;;     19: add esi, 1
;;     1f: add edx, 1
;;     25: test ecx, ecx
;;     27: jne 0x8
;;     2d: mov rsp, rbp
;;     30: pop rbp
;;     31: ret

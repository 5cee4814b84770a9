;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; Sixteen bytes at a time; vectors are loaded and stored without regard to alignment.
(module
  (memory 1)
  (func $f (export "f") (param $p i32) (param $q i32) (param $end i32)
    (loop $next
      (v128.store (local.get $p)
        (i32x4.add (v128.load (local.get $p)) (v128.load (local.get $q))))
      (local.set $q (i32.add (local.get $q) (i32.const 16)))
      (br_if $next
        (i32.lt_u
          (local.tee $p (i32.add (local.get $p) (i32.const 16)))
          (local.get $end))))))

;; f:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov rax, qword ptr [rdi + 0x20]
;;      8: mov edi, esi
;;      a: vmovdqu xmm0, xmmword ptr [rax + rdi]
;;      f: mov r8d, edx
;;     12: vmovdqu xmm1, xmmword ptr [rax + r8]
;;     18: vpaddd xmm0, xmm0, xmm1
;;     1c: vmovdqu xmmword ptr [rax + rdi], xmm0
;;     21: add esi, 0x10
;;     27: add edx, 0x10
;;     2d: cmp esi, ecx
;;     2f: jb 0x8
;;     35: mov rsp, rbp
;;     38: pop rbp
;;     39: ret

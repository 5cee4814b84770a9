;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; The inner loop of a product of matrices: a row times a column.
(module
  (memory 1)
  (func $f (export "f") (param $row i32) (param $column i32) (param $stride i32) (param $n i32)
    (result f64)
    (local $sum f64)
    (loop $next
      (local.set $sum
        (f64.add (local.get $sum)
          (f64.mul (f64.load (local.get $row)) (f64.load (local.get $column)))))
      (local.set $row (i32.add (local.get $row) (i32.const 8)))
      (local.set $column (i32.add (local.get $column) (local.get $stride)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))

;; f:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: vxorpd xmm0, xmm0, xmm0
;;      8: mov rax, qword ptr [rdi + 0x20]
;;      c: mov edi, esi
;;      e: vmovsd xmm1, qword ptr [rax + rdi]
;;     13: mov edi, edx
;;     15: vmovsd xmm2, qword ptr [rax + rdi]
;;     1a: sub r8d, 1
;;     1e: vmulsd xmm1, xmm1, xmm2
;;     22: vaddsd xmm0, xmm0, xmm1
;;     26: add esi, 8
;;     2c: add edx, ecx
;;     2e: test r8d, r8d
;;     31: jne 0xc
;;     37: mov rsp, rbp
;;     3a: pop rbp
;;     3b: ret

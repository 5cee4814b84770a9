;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; y = a x + y in single precision; one index, two constant offsets.
(module
  (memory 1)
  (func $f (export "f") (param $a f32) (param $i i32) (param $end i32)
    (loop $next
      (f32.store offset=4096 (local.get $i)
        (f32.add
          (f32.mul (local.get $a) (f32.load offset=1024 (local.get $i)))
          (f32.load offset=4096 (local.get $i))))
      (br_if $next
        (i32.lt_u
          (local.tee $i (i32.add (local.get $i) (i32.const 4)))
          (local.get $end))))))

;; f:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r10, qword ptr [rdi + 0x20]
;;      8: mov r11d, esi
;;      b: vmulss xmm1, xmm0, dword ptr [r10 + r11 + 0x400]
;;     15: vaddss xmm1, xmm1, dword ptr [r10 + r11 + 0x1000]
;;     1f: vmovss dword ptr [r10 + r11 + 0x1000], xmm1
;;     29: add esi, 4
;;     2f: cmp esi, edx
;;     31: jb 0x8
;;     37: mov rsp, rbp
;;     3a: pop rbp
;;     3b: ret

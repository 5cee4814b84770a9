;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; Each memory has its base in a register.
(module
  (memory $a 1)
  (memory $b 1)
  (func $f (export "f") (param $p i32) (param $end i32)
    (loop $next
      (i32.store $b (local.get $p) (i32.load $a (local.get $p)))
      (br_if $next
        (i32.lt_u
          (local.tee $p (i32.add (local.get $p) (i32.const 4)))
          (local.get $end))))))

;; f:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r9, qword ptr [rdi + 0x20]
;;      8: mov r10, qword ptr [rdi + 0x30]
;;      c: mov r11d, esi
;;      f: mov eax, dword ptr [r9 + r11]
;;     13: mov dword ptr [r10 + r11], eax
;;     17: add esi, 4
;;     1d: cmp esi, edx
;;     1f: jb 0xc
;;     25: mov rsp, rbp
;;     28: pop rbp
;;     29: ret

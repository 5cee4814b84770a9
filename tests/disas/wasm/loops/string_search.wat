;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; Looks for a byte; two ways out of the loop.
(module
  (memory 1)
  (func $f (export "f") (param $p i32) (param $end i32) (param $byte i32) (result i32)
    (block $found
      (loop $next
        (br_if $found (i32.eq (i32.load8_u (local.get $p)) (local.get $byte)))
        (local.set $p (i32.add (local.get $p) (i32.const 1)))
        (br_if $next (i32.ne (local.get $p) (local.get $end)))))
    (local.get $p)))

;; f:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r11, qword ptr [rdi + 0x20]
;;      8: mov eax, esi
;;      a: movzx rax, byte ptr [r11 + rax]
;;      f: cmp eax, ecx
;;     11: je 0x25
;;     17: add esi, 1
;;     1d: cmp esi, edx
;;     1f: jne 0x8
;;     25: mov rax, rsi
;;     28: mov rsp, rbp
;;     2b: pop rbp
;;     2c: ret

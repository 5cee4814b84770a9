;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; No bounds check, and the memory's base is loaded once, before the loop.
(module
  (memory 1)
  (func $f (export "f") (param $p i32) (param $end i32) (result i32)
    (local $sum i32)
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $p))))
      (local.set $p (i32.add (local.get $p) (i32.const 4)))
      (br_if $next (i32.lt_u (local.get $p) (local.get $end))))
    (local.get $sum)))

;; f:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: xor eax, eax
;;      6: mov rcx, qword ptr [rdi + 0x20]
;;      a: mov edi, esi
;;      c: mov edi, dword ptr [rcx + rdi]
;;      f: add esi, 4
;;     15: add eax, edi
;;     17: cmp esi, edx
;;     19: jb 0xa
;;     1f: mov rsp, rbp
;;     22: pop rbp
;;     23: ret

;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "^f$"

;; Each increment goes to memory: a trap or another module may look at any time.
(module
  (global $count (export "count") (mut i64) (i64.const 0))
  (memory 1)
  (func $f (export "f") (param $p i32) (param $end i32)
    (loop $next
      (if (i32.load (local.get $p))
        (then (global.set $count (i64.add (global.get $count) (i64.const 1)))))
      (br_if $next
        (i32.lt_u
          (local.tee $p (i32.add (local.get $p) (i32.const 4)))
          (local.get $end))))))

;; f:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov r8, qword ptr [rdi + 0x20]
;;      8: mov r9d, esi
;;      b: mov r9d, dword ptr [r8 + r9]
;;      f: test r9d, r9d
;;     12: je 0x1d
;;     18: add qword ptr [rdi + 0x30], 1
;;     1d: add esi, 4
;;     23: cmp esi, edx
;;     25: jb 0x8
;;     2b: mov rsp, rbp
;;     2e: pop rbp
;;     2f: ret

;;! target = "x86_64"
;;! lowering = "pinned"
;;! function = "get-slot"
;; `context.get` alone: what a read of a slot costs.

(component
  (canon context.get i32 0 (core func $get))
  (core module $M
    (import "" "get" (func $get (result i32)))
    (func $get-slot (export "f") (result i32) (call $get)))
  (core instance $m (instantiate $M (with "" (instance
    (export "get" (func $get)))))))
;; M::get-slot:
;;      0: push rbp
;;      1: mov rbp, rsp
;;      4: mov eax, dword ptr [rdi - 0x10]
;;      7: mov rsp, rbp
;;      a: pop rbp
;;      b: ret

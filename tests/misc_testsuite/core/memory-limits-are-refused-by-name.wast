;;! proposals = { custom-page-sizes = true }

;; Limits that no memory can have, or that this runtime doesn't give one, are errors that say so.

(assert_invalid (module (memory 0x1_0001)) "memory size")
(assert_invalid (module (memory i64 0x1_0000_0000_0001)) "memory size")
(assert_invalid (module (memory 1 (pagesize 2))) "page size")
(assert_unlinkable (module (memory i64 0x1_0000_0000_0000)) "bytes of address space")
(assert_unlinkable (module (memory i64 0x8000_0000_0000)) "bytes of address space")

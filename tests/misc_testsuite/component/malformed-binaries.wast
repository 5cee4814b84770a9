;; Bytes that are no component are refused, with what is wrong and where.

(assert_malformed (component binary "\00asm\0d\00\01\00\ff\00") "at offset")
(assert_malformed (component binary "\00asm\0d\00\01\00\01\05\00") "at offset")
(assert_malformed (component binary "\00asm\0e\00\01\00") "version")
(assert_malformed (component quote "(canon context.get i32)") "")

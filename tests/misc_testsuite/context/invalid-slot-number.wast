;; There are two slots; a component that names a third is invalid.

(assert_invalid
  (component (canon context.get i32 2 (core func)))
  "context.get")
(assert_invalid
  (component (canon context.set i32 2 (core func)))
  "context.set")
(assert_invalid
  (component (canon context.get i64 4294967295 (core func)))
  "context.get")

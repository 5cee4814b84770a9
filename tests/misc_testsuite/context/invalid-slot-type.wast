;; Slots hold i32 or i64, nothing else.

(assert_invalid
  (component (canon context.get f32 0 (core func)))
  "`context.get` only supports `i32` or `i64`")
(assert_invalid
  (component (canon context.set f64 1 (core func)))
  "`context.set` only supports `i32` or `i64`")
(assert_invalid
  (component (canon context.set v128 0 (core func)))
  "`context.set` only supports `i32` or `i64`")

;; All of a component's slot built-ins use one type, whatever slot they are for. Components
;; nested in it may use another.

(assert_invalid
  (component
    (canon context.get i32 0 (core func))
    (canon context.set i64 0 (core func)))
  "type must match previous context type")
(assert_invalid
  (component
    (canon context.set i64 0 (core func))
    (canon context.get i32 1 (core func)))
  "type must match previous context type")
(component
  (canon context.get i32 0 (core func))
  (component
    (canon context.get i64 0 (core func))))

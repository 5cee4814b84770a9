;; Built-ins for threads that run in parallel need memory that they share; they are not built, and are
;; refused by name.

(assert_invalid
  (component (canon thread.available_parallelism (core func)))
  "thread.available-parallelism")
(assert_invalid
  (component
    (core type $start (func (param i32)))
    (canon thread.spawn-ref $start (core func)))
  "thread.spawn-ref")

;; Built-ins that are not there yet are refused by name. Each goes from here when it comes.

(assert_invalid (component (canon thread.yield (core func))) "thread.yield")
(assert_invalid (component (canon thread.index (core func))) "thread.index")
(assert_invalid (component (canon task.return (core func))) "task.return")
(assert_invalid (component (canon task.cancel (core func))) "task.cancel")
(assert_invalid (component (canon subtask.drop (core func))) "subtask.drop")
(assert_invalid (component (canon backpressure.inc (core func))) "backpressure.inc")
(assert_invalid (component (canon waitable-set.new (core func))) "waitable-set.new")
(assert_invalid (component (canon waitable.join (core func))) "waitable.join")
(assert_invalid
  (component (type $S (stream u8)) (canon stream.new $S (core func)))
  "stream")
(assert_invalid
  (component (type $F (future u8)) (canon future.new $F (core func)))
  "future")

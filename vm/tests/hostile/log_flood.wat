;; Logs without end.
;; expect: trapped: too many events
(module (import "env" "emit_log" (func $log (param i32 i32 i32 i32))) (memory (export "memory") 1)
  (func (export "call") (loop (call $log (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)) (br 0))))

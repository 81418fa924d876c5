;; The same in a module whose own functions do not begin at number 0.
;; expect: trapped: functions call each other more than 256 deep in `other`, called by `again`, `again`
(module (import "env" "value" (func $value (result i64))) (memory (export "memory") 1)
  (func $other) (func $again (drop (call $value)) (call $other) (call $again)) (func (export "call") (call $again)))

;; The same through the table.
;; expect: trapped: functions call each other more than 256 deep in `again`
(module
  (type $t (func))
  (table 1 funcref)
  (elem (i32.const 0) $again)
  (func $again (type $t) (call_indirect (type $t) (i32.const 0)))
  (func (export "call") (call $again)))

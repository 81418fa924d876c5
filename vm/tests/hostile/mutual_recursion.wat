;; Two functions that call each other, one of them with many parameters.
;; expect: trapped: functions call each other more than 256 deep in
(module
  (func $a (param {{60:i64 }}) (call $b))
  (func $b (call $a {{60:(i64.const 1) }}))
  (func (export "call") (call $b)))

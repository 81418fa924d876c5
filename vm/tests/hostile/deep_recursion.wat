;; A function that calls itself for ever: it ends at the same depth everywhere, far above the native stack's end.
;; expect: trapped: functions call each other more than 256 deep in `again`
(module (func $again (call $again)) (func (export "call") (call $again)))

;; The same with a thousand computed values that stay alive across the call, in a function near the limit of values.
;; expect: trapped: functions call each other more than 256 deep in `again`
(module
  (memory 1)
  (func $again (param i64) (result i64)
    {{900:(i64.xor (local.get 0) (i64.load (i32.const 8))) }}
    (call $again (i64.const 3))
    {{900:i64.add }})
  (func (export "call") (drop (call $again (i64.const 1)))))

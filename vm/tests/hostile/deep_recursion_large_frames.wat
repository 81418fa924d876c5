;; The same with the largest frames there are: 900 locals and 100 operands, alive across the call.
;; expect: trapped: functions call each other more than 256 deep in `again`
(module
  (func $again (result i64) (local {{900:i64 }})
    (local.set 7 (i64.const 7))
    {{100:(local.get 7) }}
    (call $again)
    {{100:i64.add }})
  (func (export "call") (drop (call $again))))

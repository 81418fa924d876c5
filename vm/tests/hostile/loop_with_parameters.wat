;; A loop that hands itself its values.
;; expect: out of gas
(module (func (export "call")
  i32.const 1 i64.const 2
  loop (param i32 i64) (result i32 i64) br 0 end
  drop drop))

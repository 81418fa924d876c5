;; Tables of branches within 500 blocks, each with four thousand targets far out.
;; expect: done
(module (func (export "call")
  {{500:block }} {{100:block (br_if 0 (i32.const 1)) (br_table {{2000:499 }} (i32.const 7)) end }} {{500:end }}))

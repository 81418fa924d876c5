;; A gas counter of its own.
;; expect refused: the export `aureon_gas` begins with `aureon_`
(module (global (export "aureon_gas") (mut i64) (i64.const 9)) (func (export "call")))

;; A gas counter of its own.
;; expect refused: the export `wasmer_metering_remaining_points` begins with `wasmer_` or `aureon_`
(module (global (export "wasmer_metering_remaining_points") (mut i64) (i64.const 9)) (func (export "call")))

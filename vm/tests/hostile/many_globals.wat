;; Globals without end: each instance has to set them.
;; expect refused: the module has 5000 globals; at most 1000 are allowed
(module {{5000:(global i64 (i64.const 0)) }} (func (export "call")))
